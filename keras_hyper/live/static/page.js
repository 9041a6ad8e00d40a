// The page: what is chosen, what is asked of the engine, and what is said.

import { engine } from "./engine.js";
import { Painting } from "./brush.js";
import { Stage } from "./stage.js";

const $ = (id) => document.getElementById(id);
const WAIT = 140;        // milliseconds that a view may take while the slider moves
const REST = 250;        // milliseconds of rest before the whole picture is restored
const WHOLE = 1.5e6;     // pixels of a picture that is shown without cutting
const THUMB = [72, 48];  // CSS pixels of the pictures in the strip of levels

const level = $("level"), canvas = $("canvas");
let tasks = [], open = null, painting = null, strokes = 0;
let asked = 0, shown = 0;   // numbers of views
let latest = null;          // key of what is shown
let budget = 2e5;           // pixels that are restored in WAIT
let settling = null, moves = 0;
let passing = false;        // whether the next view makes what was said untrue

const stage = new Stage(canvas, { onmove: () => { zoomed(); look(); follow(); }, onsplit, onstroke });
const task = () => tasks.find((one) => one.name === $("task").value);
const factor = () => (task().enlarges ? Number(level.value) : 1);

function zoomed() { $("zoom").textContent = `${Math.round((stage.zoom / stage.density) * 100)} %`; }

function say(text, wrong = false, until = false) {
  passing = until;
  $("said").textContent = text;
  $("said").classList.toggle("wrong", wrong);
}

const attempt = (job) => async (...given) => {
  try {
    return await job(...given);
  } catch (error) {
    if (error.name !== "AbortError") say(error.message, true, error.away);
    return undefined;
  }
};

// Which part to restore, and at how many pixels for one of the picture.
function part(final) {
  const whole = [0, 0, open.width, open.height], large = factor() ** 2;
  if (open.width * open.height * large <= (final ? Math.max(budget, WHOLE) : budget)) return [whole, 1];
  const box = stage.box();
  const scale = Math.min(1, stage.zoom / factor()), pixels = box[2] * box[3] * large;
  if (final || pixels * scale ** 2 <= budget) return [box, scale];
  const share = Math.sqrt(budget / pixels);
  return task().enlarges ? [inMiddle(box, share), 1] : [box, Math.min(scale, share)];
}

// What is enlarged cannot be looked at smaller: a part of it, in the middle of what is after.
function inMiddle([left, top, width, height], share) {
  const from = left + width * stage.split * 0.999, side = width - (from - left);
  const wide = Math.min(side, width * share), high = Math.min(height, height * share);
  const corner = [from + (side - wide) / 2, top + (height - high) / 2].map(Math.floor);
  return [...corner, Math.max(8, Math.ceil(wide)), Math.max(8, Math.ceil(high))];
}

function wishFor(final, at = Number(level.value)) {
  const [box, scale] = part(final);
  return { picture: open, task: task().name, level: at, box, scale, final, painting: task().paints ? painting : null };
}

const keyOf = (wish) => JSON.stringify([wish.picture.id, wish.task, wish.level, wish.painting?.number ?? 0, wish.box, wish.scale]);

// Asks for a view and shows it, unless a newer one is there.
async function ask(final) {
  const wish = wishFor(final), key = keyOf(wish), number = (asked += 1), begun = performance.now();
  const painted = wish.painting?.number ?? 0;
  if (latest?.key === key && latest.exact) return;
  const busy = final ? (done, count) => tiles(done, count) : () => {};
  const result = await engine.view(wish, busy);
  const took = performance.now() - begun, pixels = wish.box[2] * wish.box[3] * (wish.scale * factor()) ** 2;
  // Of small views most of the time is not the network's.
  if (!final && pixels > budget / 4) budget = Math.min(8e6, Math.max(6e4, (budget + (pixels * WAIT) / took) / 2));
  if (number < shown || wish.picture !== open) return;
  shown = number;
  latest = { key, exact: result.exact };
  stage.after = { bitmap: result.bitmap, box: wish.box };
  stage.draw();
  measured(result.psnr, wish.box);
  if (passing) say("");
  Object.assign(canvas.dataset, { level: wish.level, painted, exact: result.exact, shown: number });
}

function measured(psnr, [, , width, height]) {
  $("psnr").hidden = !psnr;
  if (!psnr) return;
  const where = width === open.width && height === open.height ? "" : " on the screen";
  $("psnr").textContent = `PSNR${where}: ${psnr.before.toFixed(2)} dB before, ${psnr.after.toFixed(2)} dB after`;
}

function showLevel() {
  $("number").textContent = level.value;
  for (const button of $("jumps").children) button.setAttribute("aria-pressed", button.value === level.value);
}

// While something moves: quick views; when it rests, and the view of where it rests is there: the
// whole picture, which would make that view wait.
async function follow() {
  if (!open) return;
  const move = (moves += 1);
  clearTimeout(settling);
  await attempt(ask)(false);
  if (move === moves) settling = setTimeout(attempt(settle), REST);
}

async function settle() {
  const wish = wishFor(true), still = () => wish.picture === open && wish.level === Number(level.value);
  try {
    if (wish.scale === 1 || !engine.whole) await ask(true);
    if (engine.whole) {
      await engine.whole(wish, tiles);
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

// What the levels to jump to make of the middle of what is on the screen.
async function strip() {
  const [left, top, width, height] = stage.box(), middle = [left + width / 2, top + height / 2];
  for (const button of $("jumps").children) {
    const at = Number(button.value), times = task().enlarges ? at : 1;
    const [wide, high] = THUMB.map((side) => Math.max(4, Math.round(side / times)));
    const box = [Math.max(0, Math.round(middle[0] - wide / 2)), Math.max(0, Math.round(middle[1] - high / 2)),
                 Math.min(wide, open.width), Math.min(high, open.height)];
    const { bitmap } = await engine.view({ ...wishFor(true, at), box, scale: 1 }, () => {});
    const [thumb] = button.getElementsByTagName("canvas");
    Object.assign(thumb, { width: bitmap.width, height: bitmap.height });
    thumb.getContext("2d").drawImage(bitmap, 0, 0);
  }
}

// The picture as it is, of the part on the screen; one request in flight.
let looking = false, lookAgain = false;
const look = attempt(async () => {
  if (!open) return;
  if (looking) { lookAgain = true; return; }
  const small = open.width * open.height <= WHOLE, scale = small ? 1 : Math.min(1, stage.zoom);
  const box = small ? [0, 0, open.width, open.height] : stage.box(), key = `${open.id} ${box} ${scale}`;
  if (stage.before?.key === key) return;
  looking = true;
  lookAgain = false;
  try {
    const picture = open, bitmap = await engine.before(picture, box, scale);
    if (picture === open) stage.before = { bitmap, box, key };
    stage.draw();
  } finally {
    looking = false;
  }
  if (lookAgain) look();
});

async function opened(opening) {
  const picture = await opening;
  open = picture;
  painting = new Painting(open.width, open.height);
  latest = null;
  $("hint").hidden = true;
  for (const id of ["canvas", "zooms", "save"]) $(id).hidden = false;
  for (const id of ["command", "python"]) $(id).hidden = !engine[id]?.(open, task(), level.value);
  $("psnr").hidden = true;
  veil();
  say(`${open.name}, ${open.width} x ${open.height} pixels`);
  stage.show(open.width, open.height);
}

const take = attempt(async (files) => {
  if (files.length !== 1) throw new Error(`One picture was wanted, ${files.length} came.`);
  say(`Opening ${files[0].name}`);
  await opened(engine.open(files[0]));
});

// The whole picture, with its tiles counted while they are made.
async function saveWhole() {
  const picture = open, button = $("save");
  button.disabled = true;
  try {
    const { blob, name } = await engine.save(wishFor(true), (done, count) => {
      tiles(done, count);
      say(`Restoring ${picture.name}: tile ${done} of ${count}`);
    });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    say(`Saved ${name}`);
  } finally {
    button.disabled = false;
    tiles(0, 0);
  }
}

function copies(button) {
  $(button).addEventListener("click", attempt(async () => {
    await navigator.clipboard.writeText(engine[button](open, task(), level.value));
    say(painting.number ? "Copied; it restores all of the picture at one level." : "Copied.");
  }));
}

function jumps([low, high], step) {
  $("jumps").replaceChildren(...[0, 1, 2, 3, 4].map((number) => {
    const button = document.createElement("button"), thumb = document.createElement("canvas");
    button.type = "button";
    button.value = String(Math.round((low + ((high - low) * number) / 4) / step) * step);
    button.append(thumb, button.value);
    button.setAttribute("aria-label", `level ${button.value}`);
    button.addEventListener("click", () => jump(button.value));
    return button;
  }));
}

function jump(to) {
  level.value = to;
  showLevel();
  follow();
}

function choose() {
  const { range, slider: [min, max, step], unit, tells, spoils, paints, enlarges } = task();
  Object.assign(level, { min, max, step });
  const at = (value) => ((value - min) / (max - min)) * 100;
  Object.assign($("trained").style, { left: `${at(range[0])}%`, width: `${at(range[1]) - at(range[0])}%` });
  $("unit").textContent = unit;
  $("test-level").setAttribute("aria-label", unit);
  $("range").textContent = `trained on ${range[0]} to ${range[1]}`;
  $("tell").hidden = !tells;
  $("test").hidden = !spoils;
  $("brushes").hidden = !paints;
  jumps(range, enlarges ? step : Math.max(1, step));
  stage.smooth = enlarges;
  hold();
  latest = null;
  jump(range[0] + (range[1] - range[0]) * 0.3);
  $("test-level").value = level.value;
}

function veil() {
  stage.overlay = stage.brush && task().paints && painting?.number ? painting.veil() : null;
  stage.draw();
}

function hold() {
  const [chosen] = document.querySelectorAll("[name=brush]:checked");
  stage.brush = chosen.value && task().paints ? Number($("width").value) / 2 : null;
  canvas.classList.toggle("painting", stage.brush !== null);
  veil();
}

function onstroke(x, y, radius, end) {
  const [chosen] = document.querySelectorAll("[name=brush]:checked");
  painting.stroke(chosen.value, x, y, radius, (strokes += 1));
  if (end) painting.lift();
  veil();
  follow();
}

function onsplit() { $("split").value = stage.split * 1000; }

$("save").addEventListener("click", attempt(saveWhole));
copies("command");
copies("python");
level.addEventListener("input", () => { showLevel(); follow(); });
$("task").addEventListener("change", choose);
$("split").addEventListener("input", () => { stage.split = $("split").value / 1000; stage.draw(); });
$("file").addEventListener("change", (event) => { take([...event.target.files]); event.target.value = ""; });
$("sample").addEventListener("change", attempt(async ({ target }) => {
  const name = target.value;
  target.value = "";
  if (name) await opened(engine.sample(name));
}));
$("tell").addEventListener("click", attempt(async () => {
  if (!open) throw new Error("Open a picture first.");
  const told = await engine.tell(open, task().name);
  jump(told);
  say(`Estimated: ${Number(told).toFixed(1)}`);
}));
$("test").addEventListener("submit", attempt(async (event) => {
  event.preventDefault();
  if (!open) throw new Error("Open a picture first.");
  const spoiled = Number($("test-level").value);
  await opened(engine.spoil(open, task().name, spoiled));
  jump(spoiled);
}));
$("closer").addEventListener("click", () => stage.zoomTo(stage.zoom * 1.5));
$("further").addEventListener("click", () => stage.zoomTo(stage.zoom / 1.5));
$("fit").addEventListener("click", () => stage.fit());
$("one").addEventListener("click", () => stage.zoomTo(stage.density));
for (const brush of document.querySelectorAll("[name=brush], #width")) brush.addEventListener("input", hold);
$("unpaint").addEventListener("click", () => { painting?.clear(); veil(); follow(); });

const main = $("stage");
main.addEventListener("dragover", (event) => { event.preventDefault(); main.classList.add("over"); });
main.addEventListener("dragleave", () => main.classList.remove("over"));
main.addEventListener("drop", (event) => {
  event.preventDefault();
  main.classList.remove("over");
  take([...event.dataTransfer.files]);
});

engine.onaway = () => say("The server is not there. Trying again.", true, true);
engine.onback = () => { say(""); latest = null; follow(); };

attempt(async () => {
  const about = await engine.about();
  tasks = about.tasks;
  for (const one of tasks) $("task").add(new Option(one.name, one.name));
  for (const name of about.samples) $("sample").add(new Option(name, name));
  choose();
})();
