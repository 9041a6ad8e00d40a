// The pictures of the static page: answers what the page asks.
"use strict";

import { psnr, Reducer, shrunkLevel, tiles } from "./arithmetic.js";
import { noisy, pixelsOf, recompressed, readPicture } from "./pictures.js";
import { estimate, facts, fetched, pace, restored, taskOf } from "./networks.js";
import { PngFile } from "./png.js";

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

// Restores a part of a picture in tiles, row by row; the tiles equal that part of the whole.
async function* inTiles(picture, task, level, box, ready) {
  const [left, top, width, height] = box,
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
      const after = await restored(task, level, picture.gray, before, w, h);
      done += 1;
      yield {
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

async function exactView(picture, task, level, box, scale, ready, onTile) {
  const reducer = new Reducer(box, ...sides(box, scale));
  const errors = { before: 0, after: 0 };
  for await (const { after, stride, skip, part, done, count } of inTiles(
    picture,
    task,
    level,
    box,
    ready,
  )) {
    reducer.add(after, stride, skip, part);
    if (picture.clean) {
      errors.after += squaredError(after, stride, skip, picture.clean, part);
      errors.before += squaredError(picture.pixels, picture.width, part, picture.clean, part);
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
async function quickView(picture, task, level, box, scale) {
  const pixels = box[2] * box[3] * scale ** 2,
    halves = Math.max(0, Math.ceil(Math.log2(pixels / (pace.speed * QUICK_VIEW))));
  const smaller = scale * 2 ** (-halves / 2),
    [width, height] = sides(box, smaller);
  const before = shrunk(picture, box, width, height);
  const after = await restored(
    task,
    shrunkLevel(task.strength, level, smaller),
    picture.gray,
    before,
    width,
    height,
  );
  return { pixels: after, width, height, psnr: null, exact: false };
}

const fits = (box, task) =>
  (box[2] + 2 * task.halo) * (box[3] + 2 * task.halo) <= pace.speed * QUICK_VIEW;

async function view(
  id,
  { picture: name, task: taskName, level, box: requested, scale, final },
  onTile,
) {
  viewing = id;
  try {
    const picture = pictureOf(name),
      task = await taskOf(taskName),
      box = checkedBox(requested, picture);
    const ready = () => {
      if (id !== viewing) throw new Error("A newer view was requested.");
    };
    const exact = final || (scale >= 1 && fits(box, task));
    const made = await (exact ? exactView : quickView)(
      picture,
      task,
      level,
      box,
      Math.min(scale, 1),
      ready,
      onTile,
    );
    const [width, height] = sides(box, Math.min(scale, 1));
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
async function save(id, { picture: name, task: taskName, level }, onTile) {
  const picture = pictureOf(name),
    task = await taskOf(taskName);
  const { width, height } = picture,
    box = [0, 0, width, height];
  const file = new PngFile(width, height, picture.opaque ? (picture.gray ? 1 : 3) : 4);
  const ready = async () => {
    while (viewing !== null) await new Promise((go) => setTimeout(go, 20));
  };
  let band = null;
  for await (const { after, stride, skip, part, done, count } of inTiles(
    picture,
    task,
    level,
    box,
    ready,
  )) {
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
  const degrade = { noise: noisy, jpeg: recompressed }[task.degradation];
  const degraded = await degrade(picture, level);
  return kept({
    ...picture,
    ...degraded,
    name: `${stem(picture)}-${task.name}-${level}.png`,
    clean: picture,
  });
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
