// Keeps the files of the static page: it then works without a network and can be installed.
"use strict";

const SITE = null; // {version, files}, written with the site
const NAME = `keras-hyper ${self.registration.scope} `;
const cache = () => caches.open(NAME + SITE.version);

self.addEventListener("install", (event) => event.waitUntil(keep()));
self.addEventListener("activate", (event) => event.waitUntil(dropOlder()));
self.addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  if (method === "GET" && url.startsWith(self.registration.scope))
    event.respondWith(respond(event.request));
});

async function keep() {
  const fresh = SITE.files.map((file) => new Request(file, { cache: "no-cache" }));
  await (await cache()).addAll(fresh);
  await self.skipWaiting();
}

async function dropOlder() {
  for (const name of await caches.keys())
    if (name.startsWith(NAME) && name !== NAME + SITE.version) await caches.delete(name);
}

// With these headers the browser lets threads share memory, which onnxruntime uses.
async function respond(request) {
  const kept = await (await cache()).match(request, { ignoreSearch: true });
  const { body, status, statusText, headers } = kept ?? (await fetch(request));
  const more = new Headers(headers);
  more.set("Cross-Origin-Opener-Policy", "same-origin");
  more.set("Cross-Origin-Embedder-Policy", "require-corp");
  return new Response(body, { status, statusText, headers: more });
}
