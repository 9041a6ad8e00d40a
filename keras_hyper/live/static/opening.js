// Opens pictures and samples, and finds their levels.

import { Painting } from "./brush.js";
import { engine } from "./engines/engine.js";
import { attempt, showStatus, waiting } from "./feedback.js";
import { $, canvas, chosen, levelAt, state, task, words } from "./state.js";
import { jump, showOverlay, showSides, stage } from "./views.js";

// On these screens the tools stay open.
export const ROOMY = matchMedia("(min-width: 60rem) and (min-height: 34rem)");
// How far a sample is degraded, of the range trained on: most qualities of a JPEG hardly show.
const SAMPLE = { rising: 0.4, falling: 0.85 };

// Views of the picture or of the task before this one do not count any more.
export function renew() {
  state.generation += 1;
  Object.assign(state, { ready: false, latest: null });
  stage.after = null;
  showSides();
  for (const thumb of $("jumps").getElementsByTagName("canvas")) thumb.className = "pending";
  $("psnr").hidden = true;
  for (const fact of ["picture", "task", "level", "exact"]) delete canvas.dataset[fact];
}

// Opens a picture unless a newer opening has begun meanwhile. `level`: known from its degradation.
export async function openBy(
  job,
  { sample = null, file = false, level: known, estimates = true } = {},
) {
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
  Object.assign(picture, { sample, file });
  for (const button of $("samples").children)
    button.setAttribute("aria-pressed", button.dataset.sample === sample);
  state.picture = picture;
  state.painting = new Painting(picture.width, picture.height, state.neutral);
  renew();
  $("hint").hidden = true;
  for (const id of ["canvas", "zooms", "save"]) $(id).hidden = false;
  // A command names a file: only of pictures that are one.
  for (const id of ["command", "python"])
    $(id).hidden = !file || !engine[id]?.(picture, task(), chosen());
  showOverlay();
  stage.show(picture.width, picture.height);
  await findLevel(known, estimates);
}

// Sets the sliders for a new picture or a new task: to the estimate where there is one.
export async function findLevel(known = chosen(), estimates = true) {
  const { generation, opening, picture } = state,
    was = String(chosen()),
    facts = [`${picture.name}, ${picture.width} x ${picture.height} pixels`];
  facts.push(...(picture.notes ?? []));
  showStatus(facts.join("; "));
  let found = known;
  if (estimates && task().estimates)
    try {
      found = await waiting(engine.estimate(picture, task().name));
      facts.push(`level estimated: ${words(found, (one) => one.toFixed(1))}`);
    } catch (error) {
      facts.push(error.message);
    }
  if (generation !== state.generation) return;
  // A picture that could not be opened meanwhile has its error there.
  if (opening === state.opening) showStatus(facts.join("; "));
  state.ready = true;
  // A slider that was moved meanwhile stays.
  jump(String(chosen()) === was ? found : chosen());
}

export const sampleLevel = () => levelAt(({ rising }) => (rising ? SAMPLE.rising : SAMPLE.falling));

// Degrades a picture, or the clean one that it was degraded from.
export async function degraded(picture, of, at) {
  const clean = picture.clean ?? picture;
  return Object.assign(await engine.degrade(clean, of, at), { clean });
}

// Opens a sample, degraded as the task undoes it.
export async function openSample(name) {
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

// Opens what was open before a reload, if the engine still has it.
export async function reopen(kept) {
  if (!kept?.picture || state.opening) return false;
  const { picture, level: known } = kept;
  try {
    await engine.before(picture, [0, 0, 1, 1], 1);
  } catch {
    return false;
  }
  await openBy(() => picture, { ...picture, level: known, estimates: false });
  return true;
}

export const take = attempt(async (files) => {
  if (files.length !== 1) throw new Error(`Expected one picture, got ${files.length}.`);
  showStatus(`Opening ${files[0].name}`);
  await openBy(() => engine.open(files[0]), { file: true });
});
