// The controls of the page, and the requests to the engine.

import { engine } from "./engines/engine.js";
import { Painting } from "./brush.js";
import { showStatus, waiting } from "./feedback.js";
import { Stage } from "./stage.js";

const $ = (id) => document.getElementById(id);
const WAIT = 140; // milliseconds that a view may take while the slider moves
const REST = 250; // milliseconds of rest before the whole picture is restored
const WHOLE = 1.5e6; // pixels of a picture that is shown without cutting
const THUMB = [72, 48]; // CSS pixels of the pictures in the strip of levels

const level = $("level"),
  canvas = $("canvas");
const ROOMY = matchMedia("(min-width: 60rem) and (min-height: 34rem)"); // the tools stay open
// How far a sample is degraded, of the range trained on: most qualities of a JPEG hardly show.
const SAMPLE = { rising: 0.4, falling: 0.85 };

// What an answer can be too late for. `opening` numbers the openings, `generation` the pairs of a
// picture and a task: an answer counts only while its number is the newest.
const state = {
  opening: 0,
  generation: 0,
  pending: null, // the opening that runs: {sample}
  picture: null,
  painting: null,
  ready: false, // whether the level of this picture is known
  asked: 0, // numbers of views
  shown: 0,
  latest: null, // key of what is shown
};
let tasks = [],
  neutral = 0,
  strokes = 0;
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

const attempt =
  (job) =>
  async (...given) => {
    try {
      return await job(...given);
    } catch (error) {
      if (error.name !== "AbortError") {
        temporary = error.offline;
        showStatus(error.message, true);
      }
      return undefined;
    }
  };

// Which part to restore, and at which size relative to the picture.
function part(final) {
  const whole = [0, 0, state.picture.width, state.picture.height],
    large = factor() ** 2;
  if (
    state.picture.width * state.picture.height * large <=
    (final ? Math.max(budget, WHOLE) : budget)
  )
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
    picture: state.picture,
    generation: state.generation,
    task: task().name,
    level: at,
    box,
    scale,
    final,
    painting: task().paints ? state.painting : null,
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
    number = (state.asked += 1),
    begun = performance.now();
  const painted = request.painting?.number ?? 0;
  if (state.latest?.key === key && state.latest.exact) return;
  const busy = final ? (done, count) => tiles(done, count) : () => {};
  const viewing = engine.view(request, busy);
  const result = await (final ? viewing : waiting(viewing));
  const took = performance.now() - begun,
    pixels = request.box[2] * request.box[3] * (request.scale * factor()) ** 2;
  // Of small views most of the time is not the network's.
  if (!final && pixels > budget / 4)
    budget = Math.min(8e6, Math.max(6e4, (budget + (pixels * WAIT) / took) / 2));
  if (number < state.shown || request.generation !== state.generation) return;
  state.shown = number;
  state.latest = { key, exact: result.exact };
  stage.after = { bitmap: result.bitmap, box: request.box };
  stage.draw();
  measured(result.psnr, request.box);
  if (temporary) showStatus("");
  temporary = false;
  Object.assign(canvas.dataset, {
    picture: request.picture.name,
    task: request.task,
    level: request.level,
    painted,
    exact: result.exact,
    shown: number,
  });
}

function measured(psnr, [, , width, height]) {
  $("psnr").hidden = !psnr;
  if (!psnr) return;
  const where =
    width === state.picture.width && height === state.picture.height ? "" : " on the screen";
  $("psnr").textContent =
    `PSNR${where}: ${psnr.before.toFixed(2)} dB before, ${psnr.after.toFixed(2)} dB after`;
}

function showLevel() {
  $("number").textContent = level.value;
  canvas.setAttribute(
    "aria-label",
    `${state.picture?.name ?? "No picture"}: before to the left of the divider, after to the right, ` +
      `${task().unit} ${level.value}`,
  );
  for (const button of $("jumps").children)
    button.setAttribute("aria-pressed", button.value === level.value);
}

// While something moves: quick views. When it rests and its view is shown: the whole picture.
async function update() {
  if (!state.picture || !state.ready) return;
  const move = (moves += 1);
  clearTimeout(settling);
  await attempt(ask)(false);
  if (move === moves) settling = setTimeout(attempt(settle), REST);
}

async function settle() {
  const request = requestFor(true),
    still = () => request.generation === state.generation && request.level === Number(level.value);
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
      Math.min(wide, state.picture.width),
      Math.min(high, state.picture.height),
    ];
    const request = requestFor(true, at);
    const { bitmap } = await engine.view({ ...request, box, scale: 1 }, () => {});
    if (request.generation !== state.generation) return;
    const [thumb] = button.getElementsByTagName("canvas");
    Object.assign(thumb, { width: bitmap.width, height: bitmap.height });
    thumb.getContext("2d").drawImage(bitmap, 0, 0);
  }
}

// The input, for the part on the screen. One request is in flight.
let loadingBefore = false,
  reloadBefore = false;
const showBefore = attempt(async () => {
  if (!state.picture) return;
  if (loadingBefore) {
    reloadBefore = true;
    return;
  }
  const small = state.picture.width * state.picture.height <= WHOLE,
    scale = small ? 1 : Math.min(1, stage.zoom);
  const box = small ? [0, 0, state.picture.width, state.picture.height] : stage.box(),
    key = `${state.picture.id} ${box} ${scale}`;
  if (stage.before?.key === key) return;
  loadingBefore = true;
  reloadBefore = false;
  try {
    const { picture } = state,
      bitmap = await waiting(engine.before(picture, box, scale));
    if (picture === state.picture) stage.before = { bitmap, box, key };
    stage.draw();
  } finally {
    loadingBefore = false;
  }
  if (reloadBefore) showBefore();
});

// Views of the picture or of the task before this one do not count any more.
function renew() {
  state.generation += 1;
  Object.assign(state, { ready: false, latest: null });
  stage.after = null;
  $("psnr").hidden = true;
  for (const fact of ["picture", "task", "level", "exact"]) delete canvas.dataset[fact];
}

// Opens a picture unless a newer opening has begun meanwhile. `level`: known from its degradation.
async function openBy(job, { sample = null, file = false, level: known, estimates = true } = {}) {
  const opening = (state.opening += 1);
  state.pending = { sample };
  let picture;
  try {
    picture = await waiting(job());
  } catch (error) {
    if (opening === state.opening) throw error;
  } finally {
    if (opening === state.opening) state.pending = null;
  }
  if (opening !== state.opening) return;
  picture.sample = sample;
  state.picture = picture;
  state.painting = new Painting(picture.width, picture.height, neutral);
  renew();
  $("hint").hidden = true;
  for (const id of ["canvas", "zooms", "save"]) $(id).hidden = false;
  // A command names a file: only of pictures that are one.
  for (const id of ["command", "python"])
    $(id).hidden = !file || !engine[id]?.(picture, task(), level.value);
  showOverlay();
  stage.show(picture.width, picture.height);
  await findLevel(known, estimates);
}

// Sets the slider for a new picture or a new task: to the estimate where there is one.
async function findLevel(known = level.value, estimates = true) {
  const { generation, picture } = state,
    was = level.value,
    facts = [`${picture.name}, ${picture.width} x ${picture.height} pixels`];
  showStatus(facts[0]);
  let found = known;
  if (estimates && task().estimates)
    try {
      found = await waiting(engine.estimate(picture, task().name));
      facts.push(`level estimated: ${Number(found).toFixed(1)}`);
    } catch (error) {
      facts.push(error.message);
    }
  if (generation !== state.generation) return;
  showStatus(facts.join("; "));
  state.ready = true;
  // A slider that was moved meanwhile stays.
  jump(level.value === was ? found : level.value);
}

// A level of this task: 0 where the restoration is weakest, 1 where it is strongest.
function levelAt(share) {
  const { range, rising, slider } = task(),
    [low, high] = range;
  const at = low + (high - low) * (rising ? share : 1 - share);
  return Number((Math.round(at / slider[2]) * slider[2]).toFixed(3));
}

const sampleLevel = () => levelAt(task().rising ? SAMPLE.rising : SAMPLE.falling);

// Degrades a picture, or the clean one that it was degraded from.
async function degraded(picture, of, at) {
  const clean = picture.clean ?? picture;
  return Object.assign(await engine.degrade(clean, of, at), { clean });
}

// Opens a sample, degraded as the task undoes it.
async function openSample(name) {
  const { name: of, degrades } = task(),
    at = sampleLevel();
  if (!ROOMY.matches) $("tools").open = false;
  await openBy(
    async () => {
      const clean = await engine.sample(name);
      return degrades ? degraded(clean, of, at) : clean;
    },
    { sample: name, level: degrades ? at : undefined },
  );
}

const take = attempt(async (files) => {
  if (files.length !== 1) throw new Error(`Expected one picture, got ${files.length}.`);
  showStatus(`Opening ${files[0].name}`);
  await openBy(() => engine.open(files[0]), { file: true });
});

// Saves the whole picture and shows the number of tiles done.
async function saveWhole() {
  const { picture } = state,
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
      await navigator.clipboard.writeText(engine[button](state.picture, task(), level.value));
      showStatus(
        state.painting.number ? "Copied. It restores the whole picture at one level." : "Copied.",
      );
    }),
  );
}

function showJumps(step) {
  $("jumps").replaceChildren(
    ...[0, 0.25, 0.5, 0.75, 1].map((share) => {
      const button = document.createElement("button"),
        thumb = document.createElement("canvas");
      button.type = "button";
      button.value = String(Math.round(levelAt(share) / step) * step);
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
    rising,
    estimates,
    degrades,
    paints,
    enlarges,
  } = task();
  Object.assign(level, { min, max, step });
  // More restoration is to the right for every task.
  level.dir = rising ? "ltr" : "rtl";
  const at = (value) => ((rising ? value - min : max - value) / (max - min)) * 100;
  const ends = range.map(at).sort((a, b) => a - b);
  Object.assign($("trained").style, { left: `${ends[0]}%`, width: `${ends[1] - ends[0]}%` });
  $("range").textContent =
    `The level is the ${unit}. The network was trained on ${range[0]} to ${range[1]}.`;
  $("test-level").setAttribute("aria-label", unit);
  $("estimate").hidden = !estimates;
  $("test").hidden = !degrades;
  $("brushes").hidden = !paints;
  showJumps(enlarges ? step : Math.max(1, step));
  stage.smooth = enlarges;
  renew();
  chooseBrush();
  jump(levelAt(0.3));
  $("test-level").value = sampleLevel();
  // A sample is degraded for the new task; the level of another picture is estimated for it.
  const { sample } = state.pending ?? state.picture ?? {};
  if (sample) attempt(openSample)(sample);
  else if (state.picture) attempt(findLevel)();
}

function showOverlay() {
  stage.overlay =
    stage.brush && task().paints && state.painting?.number ? state.painting.overlay() : null;
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
  state.painting.stroke(chosen.value, x, y, radius, (strokes += 1));
  if (end) state.painting.lift();
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
  state.ready = true;
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
$("estimate").addEventListener(
  "click",
  attempt(async () => {
    if (!state.picture) throw new Error("Open a picture first.");
    const { generation } = state;
    const estimated = await waiting(engine.estimate(state.picture, task().name));
    if (generation !== state.generation) return;
    jump(estimated);
    showStatus(`Estimated: ${Number(estimated).toFixed(1)}`);
  }),
);
$("test").addEventListener(
  "submit",
  attempt(async (event) => {
    event.preventDefault();
    const { picture } = state,
      at = Number($("test-level").value);
    if (!picture) throw new Error("Open a picture first.");
    await openBy(() => degraded(picture, task().name, at), {
      sample: picture.sample,
      level: at,
      estimates: false,
    });
  }),
);

function showOriginal(whole) {
  $("original").setAttribute("aria-pressed", whole);
  stage.original = whole;
  stage.draw();
}
$("original").addEventListener("pointerdown", (event) => {
  event.target.setPointerCapture(event.pointerId);
  showOriginal(true);
});
for (const end of ["pointerup", "pointercancel", "blur", "keyup"])
  $("original").addEventListener(end, () => showOriginal(false));
$("original").addEventListener("contextmenu", (event) => event.preventDefault());
$("original").addEventListener("keydown", (event) => {
  if (event.key === " " || event.key === "Enter") showOriginal(true);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "o" && !event.ctrlKey && !event.metaKey && !event.altKey) showOriginal(true);
});
document.addEventListener("keyup", (event) => event.key === "o" && showOriginal(false));
window.addEventListener("blur", () => showOriginal(false));
$("closer").addEventListener("click", () => stage.zoomTo(stage.zoom * 1.5));
$("further").addEventListener("click", () => stage.zoomTo(stage.zoom / 1.5));
$("fit").addEventListener("click", () => stage.fit());
$("one").addEventListener("click", () => stage.zoomTo(stage.density));
for (const brush of document.querySelectorAll("[name=brush], #width"))
  brush.addEventListener("input", chooseBrush);
$("unpaint").addEventListener("click", () => {
  state.painting?.clear();
  showOverlay();
  update();
});

// A picture may be dropped anywhere: elsewhere the browser would leave the page.
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  $("stage").classList.add("over");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) $("stage").classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  $("stage").classList.remove("over");
  take([...event.dataTransfer.files]);
});
document.addEventListener("paste", (event) => {
  const files = [...event.clipboardData.files];
  if (!files.length) return;
  event.preventDefault();
  take(files);
});

const showTools = () => ($("tools").open = ROOMY.matches);
ROOMY.addEventListener("change", showTools);
showTools();

engine.onoffline = () => {
  temporary = true;
  showStatus("The server does not respond. Retrying.", true);
};
engine.ononline = () => {
  showStatus("");
  state.latest = null;
  state.ready = true;
  update();
};

attempt(async () => {
  const about = await engine.about();
  tasks = about.tasks;
  neutral = about.neutral;
  for (const one of tasks) $("task").add(new Option(one.name, one.name));
  for (const [name, address] of Object.entries(about.samples)) {
    const button = document.createElement("button"),
      picture = new Image();
    Object.assign(picture, { src: address, alt: "" });
    button.type = "button";
    button.dataset.sample = name;
    button.setAttribute("aria-label", `Sample ${name}`);
    button.append(picture);
    button.addEventListener(
      "click",
      attempt(() => openSample(name)),
    );
    $("samples").append(button);
  }
  choose();
  // `?sample=NAME` opens another one, `?sample=` none.
  const first = new URLSearchParams(location.search).get("sample");
  const wanted = first ?? Object.keys(about.samples)[0];
  if (wanted && !state.opening) await openSample(wanted);
})();
