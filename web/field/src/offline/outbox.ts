/** The outbox: what the member did goes out once, in order, whenever there is a network; nothing is dropped silently. */
import { api, raw } from "@shared/api/client";
import { problemOf } from "@shared/api/problem";
import { computed, ref } from "vue";
import { db, kept, newId, SIGNED_OUT, type Item, type Step } from "./db";
import { fillPath } from "./path";
import { dropPhotos, photoBlob } from "./photos";

export const items = ref<Item[]>([]);
export const sending = ref(false);
export const online = ref(navigator.onLine);
export const waiting = computed(() => items.value.filter((one) => one.state === "waiting").length);
export const refused = computed(() => items.value.filter((one) => one.state === "refused").length);
const KEEP_SENT = 24 * 3600_000;
let account = "";
let whenSent: (item: Item) => void = () => {};
let onOther: () => void = () => {};

export function onSent(fn: (item: Item) => void): void {
  whenSent = fn;
}

/** What to do when the browser is signed in as somebody other than the member whose things wait here. */
export function whenOther(fn: () => void): void {
  onOther = fn;
}

/** What the phone keeps of an account, from its disk: also before the screens have it. */
export async function itemsOf(id: string): Promise<Item[]> {
  return (await db()).getAllFromIndex("items", "account", id);
}

/** Shows and sends what belongs to this account; another member's items stay where they are. */
export async function useAccount(id: string): Promise<void> {
  account = id;
  await refresh();
  void pump();
}

async function refresh(): Promise<void> {
  const store = await db(), whose = account;
  const all = whose ? await itemsOf(whose) : [];
  if (whose !== account) return; // somebody else has signed in meanwhile
  const old = all.filter((one) => one.state === "sent" && (one.sentAt ?? 0) < Date.now() - KEEP_SENT);
  await Promise.all(old.map((one) => store.delete("items", one.id)));
  items.value = all.filter((one) => !old.includes(one)).sort((a, b) => a.created - b.created);
}

async function save(item: Item): Promise<void> {
  await (await db()).put("items", JSON.parse(JSON.stringify(item)) as Item);
}

/** Puts an act in the outbox. It is on the phone's disk when this returns. */
export async function enqueue(given: { chain: string; after?: string; label: string; steps: Step[]; id?: string }): Promise<Item> {
  const item: Item = {
    id: given.id ?? newId(), account, chain: given.chain, label: given.label, steps: given.steps, done: 0, answers: [],
    ...(given.after ? { after: given.after } : {}),
    created: Date.now(), tries: 0, nextAt: 0, state: "waiting", problem: "",
  };
  await save(item);
  await refresh();
  void pump();
  return item;
}

async function sendStep(item: Item, step: Step): Promise<unknown> {
  const key = `${item.id}.${item.done}`;
  const path = fillPath(step.path, item.answers);
  if (!step.photo) return read(await raw(step.method, path, { body: step.body ?? {}, key, timeout: 60_000 }));
  const blob = await photoBlob(step.photo.id);
  if (!blob) return null; // sent by another window of this phone
  const form = new FormData();
  for (const [name, value] of Object.entries(step.photo.fields)) form.append(name, value);
  form.append(step.photo.field, blob, step.photo.field === "voice" ? "voice" : "photo.jpg");
  return read(await raw(step.method, path, { body: form, key, timeout: 120_000 }));
}

async function read(response: Response): Promise<unknown> {
  const text = await response.text();
  return text ? (JSON.parse(text) as unknown) : null;
}

function photosOf(item: Item): string[] {
  return item.steps.flatMap((step) => (step.photo ? [step.photo.id] : []));
}

/** Whether the session is the item's member's: cookies are shared with other windows, where someone else may have signed in. */
async function ours(item: Item): Promise<boolean> {
  if (item.account !== account || (await kept(SIGNED_OUT))) return false;
  const signedIn = await api.get<{ account_id: string }>("/me", {}, { timeout: 20_000 });
  if (signedIn.account_id === item.account) return item.account === account;
  if (item.account === account) onOther();
  return false;
}

async function sendItem(item: Item): Promise<"sent" | "later" | "refused" | "stop"> {
  while (item.done < item.steps.length) {
    let checked = false;
    try {
      if (!(await ours(item))) return "stop";
      checked = true;
      const step = item.steps[item.done]!;
      item.answers[item.done] = await sendStep(item, step).catch((error: unknown) => {
        if (step.moot && problemOf(error).status === 404) return null;
        throw error;
      });
      item.done += 1;
      await save(item);
    } catch (error) {
      const problem = problemOf(error);
      item.problem = problem.words;
      if (problem.status === 401) return "stop";
      const again = !checked || problem.unreachable || problem.status === 429 || problem.status >= 500 || problem.status === 408;
      item.tries += 1;
      item.nextAt = Date.now() + Math.min(300_000, Math.max(problem.retryAfter * 1000, 2_000 * 2 ** Math.min(item.tries, 7)));
      item.state = again ? "waiting" : "refused";
      await save(item);
      return again ? "later" : "refused";
    }
  }
  item.state = "sent";
  item.sentAt = Date.now();
  item.problem = "";
  await save(item);
  await dropPhotos(photosOf(item));
  return "sent";
}

/** Whether an earlier item of the chain that this one comes after is not through. */
export function comesLater(item: Item, all: readonly Item[]): boolean {
  return all.some((one) => one.chain === item.after && one.state !== "sent" && one.created <= item.created);
}

async function pumpOnce(): Promise<void> {
  const held = new Set<string>();
  for (;;) {
    await refresh();
    for (const one of items.value) if (one.state === "refused") held.add(one.chain);
    const next = items.value.find((one) => one.state === "waiting" && !held.has(one.chain) && !comesLater(one, items.value));
    if (!next) return;
    if (next.nextAt > Date.now()) {
      held.add(next.chain);
      continue;
    }
    const outcome = await sendItem(JSON.parse(JSON.stringify(next)) as Item);
    if (outcome === "stop") return;
    if (outcome === "sent") whenSent(next);
    else held.add(next.chain);
  }
}

let again = false;

/** Sends what can go; `now` forgets waits between tries. One window of the phone sends at a time. */
export async function pump(now = false): Promise<void> {
  if (!account || !navigator.onLine) return;
  if (now) for (const one of items.value) if (one.state === "waiting" && one.nextAt) await save({ ...one, nextAt: 0 });
  if (sending.value) {
    again ||= now;
    return;
  }
  sending.value = true;
  try {
    do {
      again = false;
      if (navigator.locks) await navigator.locks.request("linli-outbox", { ifAvailable: true }, async (lock) => lock && (await pumpOnce()));
      else await pumpOnce();
    } while (again);
  } finally {
    sending.value = false;
    await refresh();
  }
}

/** A refused item: try again as it is, or take it out. */
export async function retry(item: Item): Promise<void> {
  await save({ ...item, state: "waiting", nextAt: 0, problem: "" });
  await refresh();
  void pump();
}

export async function discard(item: Item): Promise<void> {
  await (await db()).delete("items", item.id);
  await dropPhotos(photosOf(item));
  await refresh();
}

export function startPump(): void {
  const wake = () => {
    online.value = navigator.onLine;
    void pump(true);
  };
  addEventListener("online", wake);
  addEventListener("offline", () => (online.value = false));
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && void pump());
  setInterval(() => void pump(), 5_000);
}
