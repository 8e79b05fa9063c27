/** Live events for screens: `live.on("case.changed", fn)`, and `link` says how fresh the screen is. */
import { computed, onScopeDispose, ref, shallowRef } from "vue";
import { oldSince } from "../util/fresh";
import { Connection, type Link } from "./connection";
import type { StreamEvent } from "./sse";

export interface Envelope<D = Record<string, unknown>> {
  id: string;
  type: string;
  at: string;
  kind: string;
  ref: string;
  area: string;
  centre: string | null;
  data: D;
}
type Handler = (envelope: Envelope<never>) => void;

const handlers = new Map<string, Set<Handler>>();
const resets = new Set<() => void>();
export const link = shallowRef<Link>({ state: "connecting", seen: 0 });
export const lastEventAt = ref(0);
/** Lost for long enough to say so; a blink of the network is no news. */
const cut = ref(false), cutAt = ref(0);
/** What is on screen may be old: the stream is lost, or the service did not answer a reading. */
export const stale = computed(() => cut.value || oldSince.value > 0);
export const lostAt = computed(() => Math.min(cut.value ? cutAt.value : Infinity, oldSince.value || Infinity));
export const denied = computed(() => link.value.state === "denied");
let staleTimer: ReturnType<typeof setTimeout> | undefined;
let send: ((message: object) => void) | null = null;
let own: Connection | null = null;

function onLink(next: Link): void {
  const was = link.value.state;
  link.value = next;
  if (next.state === "open") {
    clearTimeout(staleTimer);
    staleTimer = undefined;
    cut.value = false;
    return;
  }
  if (was === "open" || !cutAt.value || !cut.value) cutAt.value = next.seen || Date.now();
  staleTimer ??= setTimeout(() => (cut.value = link.value.state !== "open"), next.state === "denied" ? 0 : 2_500);
}

/** Passes one event of the stream to whoever listens. Exported for tests. */
export function dispatch(event: StreamEvent): void {
  lastEventAt.value = Date.now();
  if (event.event === "reset") {
    for (const fn of resets) fn();
    return;
  }
  let body: unknown;
  try {
    body = JSON.parse(event.data || "null");
  } catch {
    return; // not ours
  }
  const type = event.event !== "message" ? event.event : String((body as { type?: string } | null)?.type ?? "");
  for (const name of [type, `${type.split(".")[0]}.*`, "*"]) {
    for (const fn of handlers.get(name) ?? []) (fn as (e: unknown) => void)(body);
  }
}

function onMessage(message: MessageEvent<{ event?: StreamEvent; link?: Link }>): void {
  if (message.data.link) onLink(message.data.link);
  if (message.data.event) dispatch(message.data.event);
}

/** Opens (or joins) the browser's one connection. Call once after signing in. */
export function startLive(base = "/live/events"): void {
  const path = valueUsers ? `${base}?types=*,value` : base;
  if (send) {
    send({ open: path });
    return;
  }
  if (typeof SharedWorker !== "undefined") {
    try {
      const worker = new SharedWorker(new URL("./worker.ts", import.meta.url), { type: "module", name: "linli-live" });
      worker.port.addEventListener("message", onMessage);
      worker.addEventListener("error", () => startOwn(path));
      worker.port.start();
      send = (message) => worker.port.postMessage(message);
      send({ open: path });
      addEventListener("pagehide", () => send?.({ bye: true }));
      addEventListener("pageshow", (event) => (event as PageTransitionEvent).persisted && send?.({ open: path }));
      addEventListener("online", () => send?.({ kick: true }));
      return;
    } catch {
      // no module workers here: this window connects by itself
    }
  }
  startOwn(path);
}

/** Live values of devices, wanted while the component lives. They are many; screens that show none do not ask. */
export function wantValues(path = "/live/events"): void {
  valueUsers += 1;
  startLive(path);
  onScopeDispose(() => {
    valueUsers -= 1;
    setTimeout(() => valueUsers === 0 && send && startLive(path), 5_000);
  });
}
let valueUsers = 0;

function startOwn(path: string): void {
  if (own) {
    own.kick();
    return own.retarget(path);
  }
  own = new Connection(path, { event: dispatch, link: onLink });
  send = (message) => {
    if ("open" in message) own?.retarget(String(message.open));
    own?.kick();
  };
  addEventListener("online", () => own?.kick());
  own.start();
}

export function stopLive(): void {
  send?.({ bye: true });
  own?.stop();
  send = own = null;
}

/** Listens while the component lives. `*` hears all, `case.*` a family. */
export function onLive<D = Record<string, unknown>>(types: string | string[], fn: (envelope: Envelope<D>) => void): void {
  const names = Array.isArray(types) ? types : [types];
  for (const name of names) {
    if (!handlers.has(name)) handlers.set(name, new Set());
    handlers.get(name)!.add(fn as Handler);
  }
  onScopeDispose(() => names.forEach((name) => handlers.get(name)?.delete(fn as Handler)));
}

/** Called when events were missed for good: read everything again. */
export function onReset(fn: () => void): void {
  resets.add(fn);
  onScopeDispose(() => resets.delete(fn));
}
