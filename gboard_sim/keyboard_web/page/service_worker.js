// Keeps the page's own files, so that it opens and predicts without a network.

importScripts("files.js"); // the list of files, and a digest that changes with any of them

const { files, digest } = self.PAGE;
const OURS = `gboard-sim ${self.registration.scope} `;
const CACHE = OURS + digest;

async function keep() {
  const cache = await caches.open(CACHE);
  await cache.addAll(files.map((file) => new Request(file, { cache: "no-cache" })));
  await self.skipWaiting(); // an open page has all that it needs, so the next one may be the new
}

self.addEventListener("install", (event) => {
  event.waitUntil(keep());
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches.keys().then((names) => {
      const old = names.filter((name) => name.startsWith(OURS) && name !== CACHE);
      return Promise.all(old.map((name) => caches.delete(name)));
    }),
  );
});

// Only ever from the cache once that is whole: an older page never meets a newer model.
self.addEventListener("fetch", (event) => {
  const answer = async () =>
    (await (await caches.open(CACHE)).match(event.request, { ignoreSearch: true })) ??
    fetch(event.request);
  event.respondWith(answer());
});
