// The controls of the page: requests to the engine and status messages.

import { engine } from "./engines/engine.js";
import { Painting } from "./brush.js";
import { Stage } from "./stage.js";

const $ = (id) => document.getElementById(id);
const WAIT = 140; // milliseconds that a view may take while the slider moves
const REST = 250; // milliseconds of rest before the whole picture is restored
const WHOLE = 1.5e6; // pixels of a picture that is shown without cutting
const THUMB = [72, 48]; // CSS pixels of the pictures in the strip of levels

const level = $("level"),
  canvas = $("canvas");
let tasks = [],
  neutral = 0,
  open = null,
  painting = null,
  strokes = 0;
let asked = 0,
  shown = 0; // numbers of views
let latest = null; // key of what is shown
let budget = 2e5; // pixels that are restored in WAIT
let settling = null,
  moves = 0;
let temporary = false; // whether the next view clears the status

const stage = new Stage(canvas, {
  onmove: () => {
    zoomed();
    showBefore();
    update();
  },
  onsplit,
  onstroke,
});
const task = () => tasks.find((one) => one.name === $("task").value);
const factor = () => (task().enlarges ? Number(level.value) : 1);

function zoomed() {
  $("zoom").textContent = `${Math.round((stage.zoom / stage.density) * 100)} %`;
}

function showStatus(text, wrong = false, untilNextView = false) {
  temporary = untilNextView;
  $("status").textContent = text;
  $("status").classList.toggle("wrong", wrong);
}

const attempt =
  (job) =>
  async (...given) => {
    try {
      return await job(...given);
    } catch (error) {
      if (error.name !== "AbortError") showStatus(error.message, true, error.offline);
      return undefined;
    }
  };

// Which part to restore, and at which size relative to the picture.
function part(final) {
  const whole = [0, 0, open.width, open.height],
    large = factor() ** 2;
  if (open.width * open.height * large <= (final ? Math.max(budget, WHOLE) : budget))
    return [whole, 1];
  const box = stage.box();
  const scale = Math.min(1, stage.zoom / factor()),
    pixels = box[2] * box[3] * large;
  if (final || pixels * scale ** 2 <= budget) return [box, scale];
  const share = Math.sqrt(budget / pixels);
  return task().enlarges ? [inMiddle(box, share), 1] : [box, Math.min(scale, share)];
}

// An enlarged picture is not shown smaller: a part in the middle of the restored side.
function inMiddle([left, top, width, height], share) {
  const from = left + width * stage.split * 0.999,
    side = width - (from - left);
  const wide = Math.min(side, width * share),
    high = Math.min(height, height * share);
  const corner = [from + (side - wide) / 2, top + (height - high) / 2].map(Math.floor);
  return [...corner, Math.max(8, Math.ceil(wide)), Math.max(8, Math.ceil(high))];
}

function requestFor(final, at = Number(level.value)) {
  const [box, scale] = part(final);
  return {
    picture: open,
    task: task().name,
    level: at,
    box,
    scale,
    final,
    painting: task().paints ? painting : null,
  };
}

const keyOf = (request) =>
  JSON.stringify([
    request.picture.id,
    request.task,
    request.level,
    request.painting?.number ?? 0,
    request.box,
    request.scale,
  ]);

// Requests a view and shows it, unless a newer one is shown.
async function ask(final) {
  const request = requestFor(final),
    key = keyOf(request),
    number = (asked += 1),
    begun = performance.now();
  const painted = request.painting?.number ?? 0;
  if (latest?.key === key && latest.exact) return;
  const busy = final ? (done, count) => tiles(done, count) : () => {};
  const result = await engine.view(request, busy);
  const took = performance.now() - begun,
    pixels = request.box[2] * request.box[3] * (request.scale * factor()) ** 2;
  // Of small views most of the time is not the network's.
  if (!final && pixels > budget / 4)
    budget = Math.min(8e6, Math.max(6e4, (budget + (pixels * WAIT) / took) / 2));
  if (number < shown || request.picture !== open) return;
  shown = number;
  latest = { key, exact: result.exact };
  stage.after = { bitmap: result.bitmap, box: request.box };
  stage.draw();
  measured(result.psnr, request.box);
  if (temporary) showStatus("");
  Object.assign(canvas.dataset, {
    level: request.level,
    painted,
    exact: result.exact,
    shown: number,
  });
}

function measured(psnr, [, , width, height]) {
  $("psnr").hidden = !psnr;
  if (!psnr) return;
  const where = width === open.width && height === open.height ? "" : " on the screen";
  $("psnr").textContent =
    `PSNR${where}: ${psnr.before.toFixed(2)} dB before, ${psnr.after.toFixed(2)} dB after`;
}

function showLevel() {
  $("number").textContent = level.value;
  for (const button of $("jumps").children)
    button.setAttribute("aria-pressed", button.value === level.value);
}

// While something moves: quick views. When it rests and its view is shown: the whole picture.
async function update() {
  if (!open) return;
  const move = (moves += 1);
  clearTimeout(settling);
  await attempt(ask)(false);
  if (move === moves) settling = setTimeout(attempt(settle), REST);
}

async function settle() {
  const request = requestFor(true),
    still = () => request.picture === open && request.level === Number(level.value);
  try {
    if (request.scale === 1 || !engine.keepsWhole) await ask(true);
    if (engine.keepsWhole) {
      await engine.whole(request, tiles);
      if (still()) await ask(true);
    }
    if (still()) await strip();
  } finally {
    tiles(0, 0);
  }
}

function tiles(done, count) {
  $("tiles").hidden = count < 2 || done >= count;
  Object.assign($("tiles"), { max: count || 1, value: done });
}

// The middle of the screen at each level of the strip.
async function strip() {
  const [left, top, width, height] = stage.box(),
    middle = [left + width / 2, top + height / 2];
  for (const button of $("jumps").children) {
    const at = Number(button.value),
      times = task().enlarges ? at : 1;
    const [wide, high] = THUMB.map((side) => Math.max(4, Math.round(side / times)));
    const box = [
      Math.max(0, Math.round(middle[0] - wide / 2)),
      Math.max(0, Math.round(middle[1] - high / 2)),
      Math.min(wide, open.width),
      Math.min(high, open.height),
    ];
    const { bitmap } = await engine.view({ ...requestFor(true, at), box, scale: 1 }, () => {});
    const [thumb] = button.getElementsByTagName("canvas");
    Object.assign(thumb, { width: bitmap.width, height: bitmap.height });
    thumb.getContext("2d").drawImage(bitmap, 0, 0);
  }
}

// The input, for the part on the screen. One request is in flight.
let loadingBefore = false,
  reloadBefore = false;
const showBefore = attempt(async () => {
  if (!open) return;
  if (loadingBefore) {
    reloadBefore = true;
    return;
  }
  const small = open.width * open.height <= WHOLE,
    scale = small ? 1 : Math.min(1, stage.zoom);
  const box = small ? [0, 0, open.width, open.height] : stage.box(),
    key = `${open.id} ${box} ${scale}`;
  if (stage.before?.key === key) return;
  loadingBefore = true;
  reloadBefore = false;
  try {
    const picture = open,
      bitmap = await engine.before(picture, box, scale);
    if (picture === open) stage.before = { bitmap, box, key };
    stage.draw();
  } finally {
    loadingBefore = false;
  }
  if (reloadBefore) showBefore();
});

async function opened(opening) {
  const picture = await opening;
  open = picture;
  painting = new Painting(open.width, open.height, neutral);
  latest = null;
  $("hint").hidden = true;
  for (const id of ["canvas", "zooms", "save"]) $(id).hidden = false;
  for (const id of ["command", "python"]) $(id).hidden = !engine[id]?.(open, task(), level.value);
  $("psnr").hidden = true;
  showOverlay();
  showStatus(`${open.name}, ${open.width} x ${open.height} pixels`);
  stage.show(open.width, open.height);
}

const take = attempt(async (files) => {
  if (files.length !== 1) throw new Error(`Expected one picture, got ${files.length}.`);
  showStatus(`Opening ${files[0].name}`);
  await opened(engine.open(files[0]));
});

// Saves the whole picture and shows the number of tiles done.
async function saveWhole() {
  const picture = open,
    button = $("save");
  button.disabled = true;
  try {
    const { blob, name } = await engine.save(requestFor(true), (done, count) => {
      tiles(done, count);
      showStatus(`Restoring ${picture.name}: tile ${done} of ${count}`);
    });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    showStatus(`Saved ${name}`);
  } finally {
    button.disabled = false;
    tiles(0, 0);
  }
}

function copies(button) {
  $(button).addEventListener(
    "click",
    attempt(async () => {
      await navigator.clipboard.writeText(engine[button](open, task(), level.value));
      showStatus(
        painting.number ? "Copied. It restores the whole picture at one level." : "Copied.",
      );
    }),
  );
}

function showJumps([low, high], step) {
  $("jumps").replaceChildren(
    ...[0, 1, 2, 3, 4].map((number) => {
      const button = document.createElement("button"),
        thumb = document.createElement("canvas");
      button.type = "button";
      button.value = String(Math.round((low + ((high - low) * number) / 4) / step) * step);
      button.append(thumb, button.value);
      button.setAttribute("aria-label", `level ${button.value}`);
      button.addEventListener("click", () => jump(button.value));
      return button;
    }),
  );
}

function jump(to) {
  level.value = to;
  showLevel();
  update();
}

function choose() {
  const {
    range,
    slider: [min, max, step],
    unit,
    estimates,
    degrades,
    paints,
    enlarges,
  } = task();
  Object.assign(level, { min, max, step });
  const at = (value) => ((value - min) / (max - min)) * 100;
  Object.assign($("trained").style, {
    left: `${at(range[0])}%`,
    width: `${at(range[1]) - at(range[0])}%`,
  });
  $("unit").textContent = unit;
  $("test-level").setAttribute("aria-label", unit);
  $("range").textContent = `trained on ${range[0]} to ${range[1]}`;
  $("estimate").hidden = !estimates;
  $("test").hidden = !degrades;
  $("brushes").hidden = !paints;
  showJumps(range, enlarges ? step : Math.max(1, step));
  stage.smooth = enlarges;
  chooseBrush();
  latest = null;
  jump(range[0] + (range[1] - range[0]) * 0.3);
  $("test-level").value = level.value;
}

function showOverlay() {
  stage.overlay = stage.brush && task().paints && painting?.number ? painting.overlay() : null;
  stage.draw();
}

function chooseBrush() {
  const [chosen] = document.querySelectorAll("[name=brush]:checked");
  stage.brush = chosen.value && task().paints ? Number($("width").value) / 2 : null;
  canvas.classList.toggle("painting", stage.brush !== null);
  showOverlay();
}

function onstroke(x, y, radius, end) {
  const [chosen] = document.querySelectorAll("[name=brush]:checked");
  painting.stroke(chosen.value, x, y, radius, (strokes += 1));
  if (end) painting.lift();
  showOverlay();
  update();
}

function onsplit() {
  $("split").value = stage.split * 1000;
}

$("save").addEventListener("click", attempt(saveWhole));
copies("command");
copies("python");
level.addEventListener("input", () => {
  showLevel();
  update();
});
$("task").addEventListener("change", choose);
$("split").addEventListener("input", () => {
  stage.split = $("split").value / 1000;
  stage.draw();
});
$("file").addEventListener("change", (event) => {
  take([...event.target.files]);
  event.target.value = "";
});
$("sample").addEventListener(
  "change",
  attempt(async ({ target }) => {
    const name = target.value;
    target.value = "";
    if (name) await opened(engine.sample(name));
  }),
);
$("estimate").addEventListener(
  "click",
  attempt(async () => {
    if (!open) throw new Error("Open a picture first.");
    const estimated = await engine.estimate(open, task().name);
    jump(estimated);
    showStatus(`Estimated: ${Number(estimated).toFixed(1)}`);
  }),
);
$("test").addEventListener(
  "submit",
  attempt(async (event) => {
    event.preventDefault();
    if (!open) throw new Error("Open a picture first.");
    const degraded = Number($("test-level").value);
    await opened(engine.degrade(open, task().name, degraded));
    jump(degraded);
  }),
);
$("closer").addEventListener("click", () => stage.zoomTo(stage.zoom * 1.5));
$("further").addEventListener("click", () => stage.zoomTo(stage.zoom / 1.5));
$("fit").addEventListener("click", () => stage.fit());
$("one").addEventListener("click", () => stage.zoomTo(stage.density));
for (const brush of document.querySelectorAll("[name=brush], #width"))
  brush.addEventListener("input", chooseBrush);
$("unpaint").addEventListener("click", () => {
  painting?.clear();
  showOverlay();
  update();
});

const main = $("stage");
main.addEventListener("dragover", (event) => {
  event.preventDefault();
  main.classList.add("over");
});
main.addEventListener("dragleave", () => main.classList.remove("over"));
main.addEventListener("drop", (event) => {
  event.preventDefault();
  main.classList.remove("over");
  take([...event.dataTransfer.files]);
});

engine.onoffline = () => showStatus("The server does not respond. Retrying.", true, true);
engine.ononline = () => {
  showStatus("");
  latest = null;
  update();
};

attempt(async () => {
  const about = await engine.about();
  tasks = about.tasks;
  neutral = about.neutral;
  for (const one of tasks) $("task").add(new Option(one.name, one.name));
  for (const name of about.samples) $("sample").add(new Option(name, name));
  choose();
})();
