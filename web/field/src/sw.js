// The service worker of the field app: its shell works without a network. Data is the app's own matter (IndexedDB).
const VERSION = "__VERSION__";
const FILES = [/* __FILES__ */];
const CACHE = `linli-field-${VERSION}`;

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES)));
});

// No skipWaiting: the new worker takes over, and drops the old files, when no tab of the old version is left.
self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((n) => n.startsWith("linli-field-") && n !== CACHE).map((n) => caches.delete(n))))
      .then(() => self.clients.claim()),
  );
});

async function page(request) {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), 3000);
  try {
    const fresh = await fetch(request, { signal: limit.signal });
    if (fresh.ok) return fresh;
  } catch {
    // no network: the kept page
  } finally {
    clearTimeout(timer);
  }
  return (await caches.match(new URL("./", self.registration.scope).href)) ?? Response.error();
}

// What another app shares waits in a cache of its own until the app makes a draft of it (drafts.ts). The text comes last:
// a share that was cut off has none and is no draft.
async function share(request, scope) {
  const form = await request.formData();
  const store = await caches.open("linli-shared");
  const lead = `${scope}shared/${Date.now()}-${crypto.getRandomValues(new Uint32Array(1))[0]}`;
  const photos = form.getAll("photos").filter((one) => one instanceof File && one.type.startsWith("image/")).slice(0, 6);
  for (const [i, photo] of photos.entries()) await store.put(`${lead}/photo-${i}`, new Response(photo));
  const words = ["title", "text", "url"].map((name) => form.get(name)).filter((one) => typeof one === "string" && one);
  await store.put(`${lead}/text`, new Response(words.join("\n")));
  return Response.redirect(`${scope}report?shared=1`, 303);
}

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  const home = new URL(self.registration.scope).pathname;
  if (event.request.method === "POST" && url.origin === location.origin && url.pathname === `${home}share`) {
    event.respondWith(share(event.request, home));
    return;
  }
  if (event.request.method !== "GET" || url.origin !== location.origin) return;
  const scope = new URL(self.registration.scope).pathname;
  if (!url.pathname.startsWith(scope)) return;
  if (event.request.mode === "navigate") event.respondWith(page(event.request));
  else event.respondWith(caches.match(event.request, { ignoreSearch: true }).then((kept) => kept ?? fetch(event.request)));
});

self.addEventListener("message", (event) => {
  if (event.data === "version") event.source?.postMessage({ version: VERSION });
});
