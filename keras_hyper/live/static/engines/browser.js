// Restores in a worker of the browser; pictures stay on this machine. See interface.js.
"use strict";

const script = new URL("./worker.js", import.meta.url);
script.search = location.search; // `?engine=wasm` or `?engine=webgpu`
const worker = new Worker(script, { type: "module" });
const waiting = new Map();
let last = 0,
  broken = null;

worker.addEventListener("message", ({ data }) => {
  if (data.loaded) return engine.onload(...data.loaded);
  const one = waiting.get(data.id);
  if (!one) return;
  if (data.tile) return one.onTile(...data.tile);
  waiting.delete(data.id);
  if (data.error) one.reject(new Error(data.error));
  else one.resolve(data.answer);
});

worker.addEventListener("error", (event) => {
  event.preventDefault();
  broken = new Error(
    `This browser cannot run the network: ${event.message || "its worker did not load"}`,
  );
  for (const one of waiting.values()) one.reject(broken);
  waiting.clear();
});

function ask(name, given, onTile = () => {}) {
  if (broken) return Promise.reject(broken);
  last += 1;
  const id = last;
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject, onTile });
    worker.postMessage({ id, name, given });
  });
}

// One view is in flight. Of those that are requested meanwhile, the newest quick one runs next, and
// then a final one if it is newer. A final view takes long: a newer view cancels it between tiles.
let inFlight = null,
  quick = null,
  final = null;

const drop = (job) => job?.reject(new DOMException("A newer view was requested.", "AbortError"));

function view(request, onTile) {
  return new Promise((resolve, reject) => {
    drop(final);
    final = null;
    if (request.final) {
      final = { request, onTile, resolve, reject };
    } else {
      drop(quick);
      quick = { request, onTile, resolve, reject };
    }
    if (inFlight?.request.final) {
      drop(inFlight);
      ask("cancel", []);
    }
    if (!inFlight) send();
  });
}

async function send() {
  inFlight = quick || final;
  if (!inFlight) return;
  if (quick) quick = null;
  else final = null;
  const { request, onTile, resolve, reject } = inFlight;
  await ask("view", [withPictureId(request)], onTile).then(resolve, reject);
  keep();
  inFlight = null;
  send();
}

const withPictureId = ({ picture, task, level, box, scale, final, painting }) => ({
  picture: picture.id,
  task,
  level,
  box,
  scale,
  final,
  painting: painting?.number ? painting.grays() : null,
});

// Keeps the site for later visits without a network, once it has shown what it loaded.
let keeping = null;
async function keep() {
  const at = new URL("../../sw.js", import.meta.url);
  keeping ??= navigator.serviceWorker?.register(at).catch((error) => console.warn(error.message));
}

export const engine = {
  onoffline: () => {},
  ononline: () => {},
  onload: () => {},
  keepsWhole: false,
  rest: 250,
  whole: async () => {},
  about: () => ask("about", []),
  open: (file) => ask("open", [file, file.name]),
  sample: (name) => ask("sample", [name]),
  before: (picture, box, scale) => ask("before", [picture.id, box, scale]),
  view,
  save: (request, onTile) => ask("save", [withPictureId(request)], onTile),
  estimate: (picture, task) => ask("estimate", [picture.id, task]),
  degrade: (picture, task, level) => ask("degrade", [picture.id, task, level]),
  command: () => null,
  python: () => null,
};
