// The controls of the page.

import { engine } from "./engines/engine.js";
import { attempt, showLoading, showProgress, showStatus, viewed, waiting } from "./feedback.js";
import {
  degraded,
  findLevel,
  openBy,
  openSample,
  renew,
  reopen,
  ROOMY,
  sampleLevel,
  take,
} from "./opening.js";
import { $, canvas, chosen, joined, levelAt, state, task, words } from "./state.js";
import { jump, requestFor, showLevel, showOverlay, showSides, stage, update } from "./views.js";

let strokes = 0;

// Saves the whole picture and shows the number of tiles done.
async function saveWhole() {
  const { picture } = state,
    button = $("save");
  button.disabled = true;
  try {
    const { blob, name } = await engine.save(requestFor(true), (done, count) => {
      showProgress(done, count);
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
    showProgress(0, 0);
  }
}

function copies(button) {
  $(button).addEventListener(
    "click",
    attempt(async () => {
      await navigator.clipboard.writeText(engine[button](state.picture, task(), chosen()));
      showStatus(
        state.painting.number ? "Copied. It restores the whole picture at one level." : "Copied.",
      );
    }),
  );
}

function showJumps(least) {
  $("jumps").replaceChildren(
    ...[0, 0.25, 0.5, 0.75, 1].map((share) => {
      const button = document.createElement("button"),
        thumb = document.createElement("canvas");
      thumb.className = "pending";
      button.type = "button";
      const at = levelAt(() => share, least);
      button.value = JSON.stringify(at);
      button.append(thumb, [at].flat().join(", "));
      button.setAttribute("aria-label", `level ${words(at)}`);
      button.addEventListener("click", () => jump(at));
      return button;
    }),
  );
}

// A copy of a template; of several levels with its name. The first has the ids of the template.
function copyOf(template, { name, unit }, axis) {
  const copy = $(template).content.firstElementChild.cloneNode(true),
    input = copy.querySelector("input");
  copy.querySelector(".name").textContent = name;
  if (axis) for (const part of copy.querySelectorAll("[id]")) part.removeAttribute("id");
  input.setAttribute(
    "aria-label",
    template === "slider" ? `Level of ${name || "restoration"}` : unit,
  );
  return copy;
}

function moved() {
  state.ready = true;
  showLevel();
  update();
}

function sliderOf(slider, axis) {
  const copy = copyOf("slider", slider, axis),
    {
      ends: [min, max],
      step,
      range,
      rising,
    } = slider;
  // More restoration is to the right for every task.
  const input = Object.assign(copy.querySelector("input"), { min, max, step });
  input.dir = rising ? "ltr" : "rtl";
  input.addEventListener("input", moved);
  const at = (value) => (rising ? value - min : max - value) / (max - min);
  const [from, to] = range.map(at).sort((a, b) => a - b);
  const trained = copy.querySelector(".trained");
  trained.style.setProperty("--from", from);
  trained.style.setProperty("--wide", to - from);
  return copy;
}

const meaning = ({ name, unit, range }) =>
  `${name ? `The level of ${name}` : "The level"} is the ${unit}. ` +
  `The network was trained on ${range[0]} to ${range[1]}.`;

const fields = () => [...$("test-levels").querySelectorAll("input")];

function choose() {
  const { sliders, estimates, degrades, paints, enlarges } = task();
  $("sliders").replaceChildren(...sliders.map(sliderOf));
  $("test-levels").replaceChildren(...sliders.map((one, axis) => copyOf("field", one, axis)));
  $("range").textContent = sliders.map(meaning).join(" ");
  $("estimate").hidden = !estimates;
  $("test").hidden = !degrades;
  $("brushes").hidden = !paints;
  showJumps(enlarges ? 0 : 1);
  stage.smooth = enlarges;
  renew();
  chooseBrush();
  jump(levelAt(() => 0.3));
  for (const [axis, input] of fields().entries()) input.value = [sampleLevel()].flat()[axis];
  // A sample is degraded for the new task; the level of another picture is estimated for it.
  const { sample } = state.pending ?? state.picture ?? {};
  if (sample) attempt(openSample)(sample);
  else if (state.picture) attempt(findLevel)();
}

function chooseBrush() {
  const [chosen] = document.querySelectorAll("[name=brush]:checked");
  stage.brush = chosen.value && task().paints ? Number($("width").value) / 2 : null;
  canvas.classList.toggle("painting", stage.brush !== null);
  showOverlay();
}

stage.onstroke = (x, y, radius, end) => {
  const [chosen] = document.querySelectorAll("[name=brush]:checked");
  state.painting.stroke(chosen.value, x, y, radius, (strokes += 1));
  if (end) state.painting.lift();
  showOverlay();
  update();
};

$("save").addEventListener("click", attempt(saveWhole));
copies("command");
copies("python");
$("task").addEventListener("change", choose);
$("split").addEventListener("input", () => stage.divide($("split").value / 1000));
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
    showStatus(`Estimated: ${words(estimated, (one) => one.toFixed(1))}`);
  }),
);
$("test").addEventListener(
  "submit",
  attempt(async (event) => {
    event.preventDefault();
    const { picture } = state,
      at = joined(fields().map((input) => Number(input.value)));
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
  showSides();
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

$("full").hidden = !document.fullscreenEnabled;
$("full").addEventListener(
  "click",
  attempt(() =>
    document.fullscreenElement
      ? document.exitFullscreen()
      : document.documentElement.requestFullscreen(),
  ),
);

// On small screens the tools lie over the picture: a press beside them or Escape closes them.
const hideTools = () => ROOMY.matches || ($("tools").open = false);
$("stage").addEventListener("pointerdown", hideTools);
document.addEventListener("keydown", (event) => event.key === "Escape" && hideTools());
const showTools = () => ($("tools").open = ROOMY.matches);
ROOMY.addEventListener("change", showTools);
showTools();

engine.onload = showLoading;
engine.onoffline = () => {
  showStatus("The server does not respond. Retrying.", true, true);
};
engine.ononline = () => {
  viewed();
  state.latest = null;
  state.ready = true;
  update();
};

attempt(async () => {
  const about = await engine.about();
  Object.assign(state, { tasks: about.tasks, neutral: about.neutral });
  // Room for the sliders of every task: the picture keeps its place when another one is chosen.
  const rows = Math.max(...state.tasks.map((one) => one.sliders.length));
  document.body.style.setProperty("--rows", rows);
  for (const one of state.tasks) $("task").add(new Option(one.choice, one.name));
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
  const kept = history.state;
  if (state.tasks.some((one) => one.name === kept?.task)) $("task").value = kept.task;
  choose();
  if (await reopen(kept)) return;
  // `?sample=NAME` opens another one, `?sample=` none.
  const first = new URLSearchParams(location.search).get("sample");
  const wanted = first ?? Object.keys(about.samples)[0];
  if (wanted && !state.opening) await openSample(wanted);
})();
