// The pictures of the static page: answers what the page asks.
"use strict";

import { psnr, Reducer, rounded, tiles } from "./arithmetic.js";
import { cameraNoise, noisy } from "./noise.js";
import { pixelsOf, recompressed, readPicture, shrunkBy } from "./pictures.js";
import { estimate, mixed, networkOf, pace, taskOf } from "./networks.js";
import { PngFile } from "./png.js";
import { facts, fetched } from "./sessions.js";

const MAX_KEPT = 8,
  MAX_KEPT_PIXELS = 1 << 27;
const QUICK_VIEW = 250; // milliseconds that a quick view may take
const pictures = new Map(); // the newest last
let numbered = 0;
let viewing = null; // number of the view that is being restored

const turn = () => new Promise((go) => setTimeout(go));

function kept(picture) {
  numbered += 1;
  picture.id = String(numbered);
  pictures.set(picture.id, picture);
  let pixels = 0;
  for (const one of [...pictures.values()].reverse()) pixels += one.width * one.height;
  for (const [id, one] of pictures) {
    if (pictures.size <= MAX_KEPT && (pixels <= MAX_KEPT_PIXELS || pictures.size <= 2)) break;
    pictures.delete(id);
    pixels -= one.width * one.height;
  }
  const { id, name, width, height } = picture;
  return { id, name, width, height };
}

function pictureOf(id) {
  const picture = pictures.get(id);
  if (!picture) throw new Error("The picture is not open any more: open it again.");
  pictures.delete(id);
  pictures.set(id, picture);
  return picture;
}

function checkedBox(box, picture) {
  const [left, top, width, height] = box.map(Math.round);
  const right = Math.min(left + width, picture.width),
    bottom = Math.min(top + height, picture.height);
  const x = Math.max(left, 0),
    y = Math.max(top, 0);
  if (!(right > x && bottom > y)) throw new Error(`Expected a box inside the picture, got ${box}.`);
  return [x, y, right - x, bottom - y];
}

const stem = ({ name }) => name.replace(/\.[^.]*$/, "");

const sides = ([, , width, height], scale) =>
  [width, height].map((side) => Math.max(1, Math.round(side * scale)));

// What restores a picture at a level: {task, picture, level, painting}. The task has the network's
// facts; a picture that is enlarged is computed by the part.
async function jobOf({ picture: id, task: name, level, painting = null }) {
  const given = pictureOf(id),
    task = networkOf(await taskOf(name), given, level);
  if (!task.enlarges) return { given, picture: given, task, level, painting };
  const [width, height] = [given.width, given.height].map((side) => rounded(side * level)),
    { pixels } = (await facts()).limits;
  if (width * height > pixels) {
    const [limit, got] = [pixels, width * height].map((count) => count.toLocaleString("en"));
    throw new Error(`expected at most ${limit} pixels after enlarging, got ${got}`);
  }
  const { clean } = given,
    known = clean?.width === width && clean.height === height;
  const picture = { ...given, width, height, from: given, clean: known ? clean : null };
  return { given, picture, task, level, painting: null };
}

// Restores a part of a picture in tiles, row by row; the tiles equal that part of the whole.
async function* inTiles(job, box, ready) {
  const { picture, task } = job,
    [left, top, width, height] = box,
    { limits } = await facts();
  const rows = tiles(top, height, picture.height, task, limits.tile),
    columns = tiles(left, width, picture.width, task, limits.tile);
  const count = rows.length * columns.length;
  let done = 0;
  for (const row of rows) {
    for (const column of columns) {
      await turn();
      await ready();
      const w = column.end - column.start,
        h = row.end - row.start;
      const before = pixelsOf(picture, column.start, row.start, w, h);
      const after = await mixed(job, before, [column.start, row.start, w, h], w, h);
      done += 1;
      yield {
        before,
        after,
        stride: w,
        skip: [column.from - column.start, row.from - row.start],
        part: [column.from, row.from, column.to - column.from, row.to - row.from],
        done,
        count,
      };
    }
  }
}

async function exactView(job, box, scale, ready, onTile) {
  const { picture } = job;
  const reducer = new Reducer(box, ...sides(box, scale));
  const errors = { before: 0, after: 0 };
  for await (const tile of inTiles(job, box, ready)) {
    const { before, after, stride, skip, part, done, count } = tile;
    reducer.add(after, stride, skip, part);
    if (picture.clean) {
      errors.after += squaredError(after, stride, skip, picture.clean, part);
      errors.before += squaredError(before, stride, skip, picture.clean, part);
    }
    onTile(done, count);
  }
  const values = 3 * box[2] * box[3];
  const figures = picture.clean && {
    before: psnr(errors.before, values),
    after: psnr(errors.after, values),
  };
  return { pixels: reducer.pixels(), psnr: figures, exact: true };
}

function squaredError(pixels, stride, [left, top], clean, [x, y, width, height]) {
  let sum = 0;
  for (let row = 0; row < height; row++) {
    let ours = 4 * ((top + row) * stride + left),
      theirs = 4 * ((y + row) * clean.width + x);
    for (let column = 0; column < width; column++, ours += 4, theirs += 4) {
      for (let c = 0; c < 3; c++) sum += (pixels[ours + c] - clean.pixels[theirs + c]) ** 2;
    }
  }
  return sum;
}

// A part of a picture, averaged to fewer pixels. The newest is kept: the slider does not change it.
let small = { key: null, pixels: null };
function shrunk(picture, box, width, height) {
  const key = `${picture.id} ${box} ${width} ${height}`;
  if (small.key !== key) {
    const reducer = new Reducer(box, width, height);
    reducer.add(picture.pixels, picture.width, box, box);
    small = { key, pixels: reducer.pixels() };
  }
  return small.pixels;
}

// Restores the part averaged to fewer pixels, halved until it takes less than QUICK_VIEW.
async function quickView(job, box, scale) {
  const { given, task } = job;
  if (task.enlarges) {
    // At this size only the enlarged picture itself is visible.
    const [width, height] = sides(box, scale);
    return { pixels: shrunk(given, box, width, height), width, height, psnr: null, exact: false };
  }
  const pixels = box[2] * box[3] * scale ** 2,
    halves = Math.max(0, Math.ceil(Math.log2(pixels / (pace.speed * QUICK_VIEW))));
  const smaller = scale * 2 ** (-halves / 2),
    [width, height] = sides(box, smaller);
  const before = shrunk(given, box, width, height);
  const after = await mixed(job, before, box, width, height, smaller);
  return { pixels: after, width, height, psnr: null, exact: false };
}

const fits = (box, task) =>
  (box[2] + 2 * task.halo) * (box[3] + 2 * task.halo) <= pace.speed * QUICK_VIEW;

// A part of a picture in the same picture enlarged by a factor.
function times([left, top, width, height], factor) {
  const [x, y, right, bottom] = [left, top, left + width, top + height].map((place) =>
    rounded(place * factor),
  );
  return [x, y, right - x, bottom - y];
}

async function view(id, request, onTile) {
  viewing = id;
  try {
    const job = await jobOf(request),
      box = checkedBox(request.box, job.given),
      large = times(box, job.task.enlarges ? job.level : 1),
      scale = Math.min(request.scale, 1);
    const ready = () => {
      if (id !== viewing) throw new Error("A newer view was requested.");
    };
    const exact = request.final || (scale >= 1 && fits(large, job.task));
    const made = exact
      ? await exactView(job, large, scale, ready, onTile)
      : await quickView(job, box, scale);
    const [width, height] = sides(exact ? large : box, scale);
    const resize = made.exact
      ? {}
      : { resizeWidth: width, resizeHeight: height, resizeQuality: "medium" };
    const data = new ImageData(made.pixels, made.width || width, made.height || height);
    return { bitmap: await createImageBitmap(data, resize), psnr: made.psnr, exact: made.exact };
  } finally {
    if (viewing === id) viewing = null;
  }
}

// The whole picture. Views have priority.
async function save(id, request, onTile) {
  const job = await jobOf(request),
    { picture } = job;
  const { width, height } = picture,
    box = [0, 0, width, height];
  const file = new PngFile(width, height, picture.opaque ? (picture.gray ? 1 : 3) : 4);
  const ready = async () => {
    while (viewing !== null) await new Promise((go) => setTimeout(go, 20));
  };
  let band = null;
  for await (const { after, stride, skip, part, done, count } of inTiles(job, box, ready)) {
    const [x, , w, h] = part;
    band = band || new Uint8ClampedArray(4 * width * h);
    for (let row = 0; row < h; row++) {
      const from = 4 * ((skip[1] + row) * stride + skip[0]);
      band.set(after.subarray(from, from + 4 * w), 4 * (row * width + x));
    }
    if (x + w === width) {
      await file.add(band);
      band = null;
    }
    onTile(done, count);
  }
  return { blob: await file.blob(), name: `restored-${stem(picture)}.png` };
}

async function degrade(picture, task, level) {
  const { luma } = await facts(),
    camera = (...given) => cameraNoise(...given, luma);
  const known = { noise: noisy, camera, jpeg: recompressed, shrink: shrunkBy },
    levels = [level].flat();
  let degraded = {};
  for (const [axis, kind] of task.degradation.split(" ").entries())
    degraded = await known[kind]({ ...picture, ...degraded }, levels[axis]);
  const name = `${stem(picture)}-${task.name}-${level}.png`,
    equal = picture.equal && (picture.gray || task.enlarges);
  return kept({ ...picture, clean: picture, ...degraded, equal, name });
}

const ANSWERS = {
  about: async () => {
    const { tasks, thumbnails, neutral } = await facts();
    return { tasks, samples: thumbnails, neutral };
  },
  open: async (id, [file, name]) => kept(await readPicture(file, name, (await facts()).limits)),
  sample: async (id, [name]) => {
    const path = (await facts()).samples[name];
    if (!path) throw new Error(`No such sample: ${name}.`);
    const file = await (await fetched(path)).blob();
    return kept(await readPicture(file, path.split("/").pop(), (await facts()).limits));
  },
  before: async (id, [name, requested, scale]) => {
    const picture = pictureOf(name),
      box = checkedBox(requested, picture),
      [width, height] = sides(box, Math.min(scale, 1));
    return createImageBitmap(new ImageData(shrunk(picture, box, width, height), width, height));
  },
  view: (id, [request], onTile) => view(id, request, onTile),
  save: (id, [request], onTile) => save(id, request, onTile),
  cancel: () => {
    viewing = null;
  },
  estimate: async (id, [name, task]) => estimate(pictureOf(name), await taskOf(task)),
  degrade: async (id, [name, task, level]) => degrade(pictureOf(name), await taskOf(task), level),
};

self.addEventListener("message", async ({ data: { id, name, given } }) => {
  try {
    const answer = await ANSWERS[name](id, given, (...tile) => self.postMessage({ id, tile }));
    const bitmap = answer instanceof ImageBitmap ? answer : answer?.bitmap;
    self.postMessage({ id, answer }, bitmap ? [bitmap] : []);
  } catch (error) {
    self.postMessage({ id, error: String(error.message || error).replace(/\s+/g, " ") });
  }
});
