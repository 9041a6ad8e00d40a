// Views of the open picture: what to request, and what is shown.

import { engine } from "./engines/engine.js";
import { attempt, showProgress, viewed, waiting } from "./feedback.js";
import { Stage } from "./stage.js";
import { $, canvas, chosen, factor, inputs, remember, state, task } from "./state.js";

const WAIT = 75; // milliseconds that a view may take while the slider moves
const PAUSE = 400; // milliseconds from the exact view to the restoration of the rest
const WHOLE = 1.5e6; // pixels of a picture that is shown without cutting
const THUMB = [72, 48]; // CSS pixels of the pictures in the strip of levels

let budget = 2e5; // pixels that are restored in WAIT
let settling = null,
  moves = 0;

export const stage = new Stage(canvas, {
  onmove: () => {
    $("zoom").textContent = `${Math.round((stage.zoom / stage.density) * 100)} %`;
    showBefore();
    update();
  },
  onsplit: () => {
    $("split").value = stage.split * 1000;
    showSides();
    // The divider uncovered what is not restored yet.
    if (stage.after && stage.restoredSide(stage.box())[0] < stage.after.box[0]) update();
  },
});

export function showOverlay() {
  stage.overlay =
    stage.brush && task().paints && state.painting?.number ? state.painting.overlay() : null;
  stage.draw();
}

// The words on both sides of the divider.
export function showSides() {
  $("sides").hidden = !stage.after || stage.original;
  $("sides").style.setProperty("--split", `${stage.split * 100}%`);
}

// Which part to restore, and at which size relative to the picture: of a small picture all, of a
// large one what is on the screen. Only what is to the right of the divider is seen.
function part(final, bothSides) {
  const seen = (box) => (bothSides ? box : stage.restoredSide(box));
  const whole = seen([0, 0, state.picture.width, state.picture.height]),
    large = factor() ** 2;
  if (whole[2] * whole[3] * large <= (final ? Math.max(budget, WHOLE) : budget)) return [whole, 1];
  const box = seen(stage.box());
  const scale = Math.min(1, stage.zoom / factor()),
    pixels = box[2] * box[3] * large;
  if (final || pixels * scale ** 2 <= budget) return [box, scale];
  const share = Math.sqrt(budget / pixels);
  return task().enlarges ? [inMiddle(box, share), 1] : [box, Math.min(scale, share)];
}

// An enlarged picture is not shown smaller: a part in the middle.
function inMiddle([left, top, width, height], share) {
  const [wide, high] = [width, height].map((side) => side * Math.min(1, share));
  const corner = [left + (width - wide) / 2, top + (height - high) / 2].map(Math.floor);
  return [...corner, Math.max(8, Math.ceil(wide)), Math.max(8, Math.ceil(high))];
}

export function requestFor(final, { at = chosen(), bothSides = false } = {}) {
  const [box, scale] = part(final, bothSides);
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
async function ask(final, bothSides = false) {
  const request = requestFor(final, { bothSides }),
    key = keyOf(request),
    number = (state.asked += 1),
    begun = performance.now();
  const painted = request.painting?.number ?? 0;
  if (state.latest?.key === key && state.latest.exact) return;
  const busy = final ? showProgress : () => {};
  const viewing = engine.view(request, busy);
  const result = await (final ? viewing : waiting(viewing));
  const took = performance.now() - begun,
    pixels = request.box[2] * request.box[3] * (request.scale * factor()) ** 2;
  // Of small views most of the time is not the network's.
  if (!final && pixels > budget / 4)
    budget = Math.min(8e6, Math.max(3e4, (budget + (pixels * WAIT) / took) / 2));
  if (number < state.shown || request.generation !== state.generation) return;
  state.shown = number;
  state.latest = { key, exact: result.exact };
  stage.after = { bitmap: result.bitmap, box: request.box };
  stage.draw();
  showSides();
  const both = String(request.box) === String(requestFor(final, { bothSides: true }).box);
  measured(both && result.psnr, request.box);
  viewed();
  Object.assign(canvas.dataset, {
    picture: request.picture.name,
    task: request.task,
    level: request.level,
    painted,
    exact: result.exact,
    box: request.box,
    shown: number,
  });
}

const isWhole = ([, , width, height]) =>
  width === state.picture.width && height === state.picture.height;

function measured(psnr, box) {
  $("psnr").hidden = !psnr;
  if (!psnr) return;
  const where = isWhole(box) ? "" : " on the screen";
  $("psnr").textContent =
    `PSNR${where}: ${psnr.before.toFixed(2)} dB before, ${psnr.after.toFixed(2)} dB after`;
}

export function showLevel() {
  for (const input of inputs())
    input.closest(".slider").querySelector("output").textContent = input.value;
  canvas.setAttribute(
    "aria-label",
    `${state.picture?.name ?? "No picture"}: before to the left of the divider, after to the right, ` +
      inputs()
        .map((input, axis) => `${task().sliders[axis].unit} ${input.value}`)
        .join(", "),
  );
  for (const button of $("jumps").children)
    button.setAttribute("aria-pressed", button.value === JSON.stringify(chosen()));
}

// While something moves: quick views. When it rests: the exact view, then that of both sides.
export async function update() {
  if (!state.picture || !state.ready) return;
  const move = (moves += 1),
    rest = stage.after ? engine.rest : 0; // a picture that was just opened is not moving
  clearTimeout(settling);
  await attempt(ask)(false);
  if (move === moves) settling = setTimeout(() => attempt(settle)(move), rest);
}

async function settle(move) {
  const request = requestFor(true),
    all = isWhole(requestFor(true, { bothSides: true }).box),
    still = () =>
      request.generation === state.generation && String(request.level) === String(chosen());
  try {
    if (request.scale === 1 || !engine.keepsWhole) await ask(true);
    if (move !== moves) return;
    remember();
    // Else the next move would often wait for a part that is not seen.
    await new Promise((go) => setTimeout(go, PAUSE));
    if (move !== moves) return;
    // Of a small picture the whole comes soon.
    if (!(engine.keepsWhole && all)) await ask(true, true);
    if (engine.keepsWhole && still()) {
      await engine.whole(request, showProgress);
      if (still()) await ask(true, true);
    }
    if (still()) await strip();
  } finally {
    showProgress(0, 0);
  }
}

// The middle of the screen at each level of the strip.
async function strip() {
  const [left, top, width, height] = stage.box(),
    middle = [left + width / 2, top + height / 2];
  for (const button of $("jumps").children) {
    const at = JSON.parse(button.value),
      times = task().enlarges ? at : 1;
    const [wide, high] = THUMB.map((side) => Math.max(4, Math.round(side / times)));
    const box = [
      Math.max(0, Math.round(middle[0] - wide / 2)),
      Math.max(0, Math.round(middle[1] - high / 2)),
      Math.min(wide, state.picture.width),
      Math.min(high, state.picture.height),
    ];
    const request = requestFor(true, { at });
    const { bitmap } = await engine.view({ ...request, box, scale: 1 }, () => {});
    if (request.generation !== state.generation) return;
    const [thumb] = button.getElementsByTagName("canvas");
    Object.assign(thumb, { width: bitmap.width, height: bitmap.height });
    thumb.getContext("2d").drawImage(bitmap, 0, 0);
    thumb.classList.remove("pending");
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

export function jump(to) {
  for (const [axis, input] of inputs().entries()) input.value = [to].flat()[axis];
  showLevel();
  update();
}
