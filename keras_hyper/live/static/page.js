"use strict";

const $ = (id) => document.getElementById(id);
const canvas = $("canvas"), stage = $("stage"), level = $("level");
let tasks = [], open = null, socket = null;
let left = 0, top_ = 0;             // corner of the view in the picture
let before = null, after = null;    // bitmaps of the view
let asked = 0, shown = 0, flying = false, again = false;
let passing = false;                // whether the next view makes what was said untrue

function say(text, wrong = false, until = false) {
  passing = until;
  $("said").textContent = text;
  $("said").classList.toggle("wrong", wrong);
}

async function answer(response) {
  if (!response.ok) throw new Error(await response.text());
  return response;
}

const task = () => tasks.find((one) => one.name === $("task").value);

function view() {
  const width = Math.min(stage.clientWidth, open.width), height = Math.min(stage.clientHeight, open.height);
  left = Math.max(0, Math.min(left, open.width - width));
  top_ = Math.max(0, Math.min(top_, open.height - height));
  return [Math.round(left), Math.round(top_), width, height];
}

function draw() {
  if (!open || !before) return;
  const context = canvas.getContext("2d");
  if (canvas.width !== before.width || canvas.height !== before.height) {
    canvas.width = before.width;
    canvas.height = before.height;
  }
  const middle = Math.round((canvas.width * $("split").value) / 1000);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.drawImage(before, 0, 0);
  if (after) {
    const width = Math.min(canvas.width, after.width) - middle;
    if (width > 0) context.drawImage(after, middle, 0, width, after.height, middle, 0, width, after.height);
    context.fillStyle = "#fff";
    context.fillRect(middle - 1, 0, 2, canvas.height);
    context.fillStyle = "#0008";
    context.fillRect(middle + 1, 0, 1, canvas.height);
  }
}

function save() {
  const link = $("save");
  link.hidden = $("command").hidden = $("python").hidden = !open;
  if (!open) return;
  link.href = `pictures/${open.picture}/restored?task=${encodeURIComponent(task().name)}&level=${level.value}`;
}

function showLevel() {
  $("number").textContent = level.value;
  save();
}

// One request in flight; of those that come meanwhile only the newest is made.
function wish() {
  showLevel();
  if (!open) return;
  if (!socket || socket.readyState !== WebSocket.OPEN) return connect();
  if (flying) { again = true; return; }
  flying = true;
  again = false;
  asked += 1;
  socket.send(JSON.stringify({ n: asked, picture: open.picture, task: task().name, level: Number(level.value), box: view() }));
}

function landed() {
  flying = false;
  if (again) wish();
}

function connect() {
  if (socket && socket.readyState === WebSocket.CONNECTING) return;
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => { flying = false; if (passing) say(""); wish(); };
  socket.onclose = () => {
    say("The server is not there. Trying again.", true, true);
    setTimeout(connect, 1000);
  };
  socket.onmessage = async (message) => {
    if (typeof message.data === "string") {
      say(JSON.parse(message.data).error, true, true);
      return landed();
    }
    const number = new DataView(message.data).getUint32(0);
    const bitmap = await createImageBitmap(new Blob([message.data.slice(4)], { type: "image/png" }));
    if (number > shown) {
      shown = number;
      after = bitmap;
      draw();
      if (passing) say("");
      canvas.dataset.shown = String(number);
    }
    landed();
  };
}

async function look() {
  if (!open) return;
  const box = view();
  const response = await answer(await fetch(`pictures/${open.picture}/view?box=${box.join(",")}`));
  const bitmap = await createImageBitmap(await response.blob());
  if (String(box) !== String(view())) return;
  before = bitmap;
  after = null;
  draw();
  wish();
}

async function opened(response) {
  open = await (await answer(response)).json();
  left = (open.width - stage.clientWidth) / 2;
  top_ = (open.height - stage.clientHeight) / 2;
  $("hint").hidden = true;
  canvas.hidden = false;
  say(`${open.name}, ${open.width} x ${open.height} pixels`);
  await look();
}

// The whole picture, with its tiles counted while they are made.
async function saveWhole(event) {
  event.preventDefault();
  const link = event.currentTarget, picture = open;
  if (link.dataset.busy) return;
  link.dataset.busy = "yes";
  const counting = setInterval(async () => {
    const { done, count } = await (await fetch(`pictures/${picture.picture}/progress`)).json();
    if (count && link.dataset.busy) say(`Restoring ${picture.name}: tile ${done} of ${count}`);
  }, 300);
  try {
    const response = await answer(await fetch(link.href));
    const saved = document.createElement("a");
    saved.href = URL.createObjectURL(await response.blob());
    saved.download = `restored-${picture.name}`;
    saved.click();
    setTimeout(() => URL.revokeObjectURL(saved.href), 60000);
    say(`Saved restored-${picture.name}`);
  } finally {
    clearInterval(counting);
    delete link.dataset.busy;
  }
}

const attempt = (job) => async (...given) => {
  try { await job(...given); } catch (error) { say(error.message, true); }
};

const take = attempt(async (files) => {
  if (files.length !== 1) throw new Error(`One picture was wanted, ${files.length} came.`);
  say(`Opening ${files[0].name}`);
  await opened(await fetch("pictures", { method: "POST", body: files[0], headers: { "X-Name": encodeURIComponent(files[0].name) } }));
});

// What does the same elsewhere, with the file's name as a shell and as Python quote it.
function command() {
  const quoted = (name) => `'${name.replaceAll("'", "'\\''")}'`;
  return `keras-hyper restore ${quoted(open.name)} ${quoted(`restored-${open.name}`)} --task ${task().name} --level ${level.value}`;
}

function python() {
  return [
    "import keras_hyper",
    "import numpy as np",
    "from PIL import Image",
    "",
    `picture = np.asarray(Image.open(${JSON.stringify(open.name)}))`,
    `model = keras_hyper.HyperRes.from_preset(${JSON.stringify(task().model)})`,
    `restored = keras_hyper.restore(picture, ${level.value}, model)`,
    `Image.fromarray(restored).save(${JSON.stringify(`restored-${open.name}`)})`,
    "",
  ].join("\n");
}

function copies(button, text) {
  $(button).addEventListener("click", attempt(async () => {
    await navigator.clipboard.writeText(text());
    say("Copied.");
  }));
}

function jumps([low, high]) {
  $("jumps").replaceChildren(...[0, 1, 2, 3, 4].map((part) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = String(Math.round(low + ((high - low) * part) / 4));
    button.setAttribute("aria-label", `level ${button.textContent}`);
    button.addEventListener("click", () => { level.value = button.textContent; wish(); });
    return button;
  }));
}

function choose() {
  const [low, high] = task().range;
  // Beyond the range trained on it works too: half as far again.
  level.min = Math.max(1, Math.floor(low / 2));
  level.max = Math.ceil(task().name === "dejpeg" ? Math.min(100, high * 1.25) : high * 1.25);
  level.value = low + (high - low) * 0.3;
  $("unit").textContent = task().unit;
  $("range").textContent = `trained on ${low} to ${high}`;
  $("tell").hidden = !task().tells;
  jumps(task().range);
  wish();
}

$("save").addEventListener("click", attempt(saveWhole));
copies("command", command);
copies("python", python);
level.addEventListener("input", wish);
$("task").addEventListener("change", choose);
$("split").addEventListener("input", draw);
$("file").addEventListener("change", (event) => take(event.target.files));
$("sample").addEventListener("change", attempt(async (event) => {
  const name = event.target.value;
  if (name) await opened(await fetch(`samples/${name}`, { method: "POST" }));
}));
$("tell").addEventListener("click", attempt(async () => {
  if (!open) throw new Error("Open a picture first.");
  const response = await answer(await fetch(`pictures/${open.picture}/level?task=${task().name}`));
  level.value = (await response.json()).level;
  wish();
  say(`Estimated: ${level.value}`);
}));
stage.addEventListener("dragover", (event) => { event.preventDefault(); stage.classList.add("over"); });
stage.addEventListener("dragleave", () => stage.classList.remove("over"));
stage.addEventListener("drop", (event) => {
  event.preventDefault();
  stage.classList.remove("over");
  take(event.dataTransfer.files);
});

let held = null;
canvas.addEventListener("pointerdown", (event) => {
  held = [event.clientX + left, event.clientY + top_];
  canvas.setPointerCapture(event.pointerId);
});
canvas.addEventListener("pointermove", (event) => {
  if (!held) return;
  left = held[0] - event.clientX;
  top_ = held[1] - event.clientY;
  look();
});
canvas.addEventListener("pointerup", () => { held = null; });
canvas.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: [-64, 0], ArrowRight: [64, 0], ArrowUp: [0, -64], ArrowDown: [0, 64] }[event.key];
  if (!step) return;
  event.preventDefault();
  left += step[0];
  top_ += step[1];
  look();
});
addEventListener("resize", attempt(look));

attempt(async () => {
  const about = await (await answer(await fetch("about"))).json();
  tasks = about.tasks;
  for (const one of tasks) $("task").add(new Option(one.name, one.name));
  for (const name of about.samples) $("sample").add(new Option(name, name));
  choose();
  connect();
})();
