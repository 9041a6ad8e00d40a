// The controls of the page.

import { engine } from "./engines/engine.js";
import { attempt, showLoading, showProgress, showStatus, waiting } from "./feedback.js";
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
import { $, canvas, level, levelAt, state, task } from "./state.js";
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
      thumb.className = "pending";
      button.type = "button";
      button.value = String(Math.round(levelAt(share) / step) * step);
      button.append(thumb, button.value);
      button.setAttribute("aria-label", `level ${button.value}`);
      button.addEventListener("click", () => jump(button.value));
      return button;
    }),
  );
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
  const at = (value) => (rising ? value - min : max - value) / (max - min);
  const ends = range.map(at).sort((a, b) => a - b);
  $("trained").style.setProperty("--from", ends[0]);
  $("trained").style.setProperty("--wide", ends[1] - ends[0]);
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
level.addEventListener("input", () => {
  state.ready = true;
  showLevel();
  update();
});
$("task").addEventListener("change", choose);
$("split").addEventListener("input", () => {
  stage.split = $("split").value / 1000;
  stage.draw();
  showSides();
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
  showStatus("");
  state.latest = null;
  state.ready = true;
  update();
};

attempt(async () => {
  const about = await engine.about();
  Object.assign(state, { tasks: about.tasks, neutral: about.neutral });
  for (const one of state.tasks) $("task").add(new Option(one.name, one.name));
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
