// What the page asks of a browser alone: pictures and networks live in a worker; nothing leaves.
"use strict";

const worker = new Worker(new URL("./browser_worker.js", import.meta.url), { type: "module" });
const waiting = new Map();
let last = 0,
  broken = null;

worker.addEventListener("message", ({ data }) => {
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

// One view in flight; of those that come meanwhile the newest quick one is made, and after it a
// final one that is newer still. A final view takes long: it is dropped, between two tiles, for a
// newer one.
let flying = null,
  quick = null,
  final = null;

const drop = (job) => job?.reject(new DOMException("A newer view was asked for.", "AbortError"));

function view(wish, onTile) {
  return new Promise((resolve, reject) => {
    drop(final);
    final = null;
    if (wish.final) {
      final = { wish, onTile, resolve, reject };
    } else {
      drop(quick);
      quick = { wish, onTile, resolve, reject };
    }
    if (flying?.wish.final) {
      drop(flying);
      ask("leave", []);
    }
    if (!flying) send();
  });
}

async function send() {
  flying = quick || final;
  if (!flying) return;
  if (quick) quick = null;
  else final = null;
  const { wish, onTile, resolve, reject } = flying;
  await ask("view", [withId(wish)], onTile).then(resolve, reject);
  flying = null;
  send();
}

const withId = ({ picture, task, level, box, scale, final }) => ({
  picture: picture.id,
  task,
  level,
  box,
  scale,
  final,
});

export const engine = {
  about: () => ask("about", []),
  open: (file) => ask("open", [file, file.name]),
  sample: (name) => ask("sample", [name]),
  before: (picture, box, scale) => ask("before", [picture.id, box, scale]),
  view,
  save: (wish, onTile) => ask("save", [withId(wish)], onTile),
  tell: (picture, task) => ask("tell", [picture.id, task]),
  spoil: (picture, task, level) => ask("spoil", [picture.id, task, level]),
  command: () => null,
  python: () => null,
};
