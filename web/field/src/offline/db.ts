/** What the phone keeps: drafts and sends in waiting, photos, and the last answers of the service, each by account. */
import { openDB, type DBSchema, type IDBPDatabase } from "idb";
import type { Mark } from "./checks";
import type { Datum } from "./datum";
import type { Said } from "./message";

export interface Step {
  method: "POST" | "PUT" | "PATCH";
  /** May hold `{0.id}`: the field `id` of the answer of step 0. */
  path: string;
  body?: unknown;
  /** Without what it is about there is nothing to do: a 404 is no failure. */
  moot?: true;
  /** A kept photo, sent as the multipart field `field` with these further fields. */
  photo?: { id: string; field: "photo" | "file" | "voice"; fields: Record<string, string> };
}

export interface Item {
  id: string;
  account: string;
  /** Items of one chain go in order; a refused one holds back those behind it. */
  chain: string;
  /** A chain whose earlier items must be through first: the service refuses a sign-on at a point of someone not yet on duty. */
  after?: string;
  label: string;
  steps: Step[];
  done: number;
  answers: unknown[];
  created: number;
  tries: number;
  nextAt: number;
  state: "waiting" | "sent" | "refused";
  problem: string;
  sentAt?: number;
}

export interface Draft {
  id: string;
  account: string;
  updated: number;
  text: string;
  classCode: string;
  /** WGS84. `said`: what a message wrote, and whose coordinates it said they are; `as`: how the member reads them if it did not. */
  place: { lon: number; lat: number; source: "position" | "map" | "message"; said?: Said; as?: Datum } | null;
  unitCode: string;
  photos: string[];
  urgent: boolean;
  /** What the phone found wrong with photos that are sent all the same, by photo. */
  marks: Record<string, Mark[]>;
  voice: { id: string; seconds: number } | null;
  /** A small matter that the member has settled: sent with its after-photos and closed in the grid. */
  settled: boolean;
  after: string[];
  done: string;
  /** Answers to the forms of its class, by form. */
  answers: Record<string, Record<string, string | number | string[]>>;
  /** Out of a chat message: its place is to be looked at. */
  shared: boolean;
}

export function blankDraft(account: string): Draft {
  return {
    id: newId(), account, updated: Date.now(), text: "", classCode: "", place: null, unitCode: "", photos: [], urgent: false,
    marks: {}, voice: null, settled: false, after: [], done: "", answers: {}, shared: false,
  };
}

/** Every photo and recording of a draft. */
export function filesOf(draft: Draft): string[] {
  return [...draft.photos, ...(draft.after ?? []), ...(draft.voice ? [draft.voice.id] : [])];
}

/** A UUID made on the phone, also where the page is not https. */
export function newId(): string {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

interface Schema extends DBSchema {
  items: { key: string; value: Item; indexes: { account: string } };
  drafts: { key: string; value: Draft; indexes: { account: string } };
  photos: { key: string; value: { id: string; account: string; blob: ArrayBuffer; type: string; at: number } };
  kept: { key: string; value: { key: string; at: number; value: unknown } };
}

let opened: Promise<IDBPDatabase<Schema>> | null = null;

export function db(): Promise<IDBPDatabase<Schema>> {
  opened ??= openDB<Schema>("linli-field", 1, {
    upgrade(made) {
      made.createObjectStore("items", { keyPath: "id" }).createIndex("account", "account");
      made.createObjectStore("drafts", { keyPath: "id" }).createIndex("account", "account");
      made.createObjectStore("photos", { keyPath: "id" });
      made.createObjectStore("kept", { keyPath: "key" });
    },
    terminated() {
      opened = null;
    },
  });
  return opened;
}

/** Kept while a sign-out has not reached the server: nothing is sent or shown under that session any more. */
export const SIGNED_OUT = "signed-out";

export async function keep<T>(key: string, value: T): Promise<void> {
  await (await db()).put("kept", { key, at: Date.now(), value: JSON.parse(JSON.stringify(value)) });
}

export async function kept<T>(key: string): Promise<{ at: number; value: T } | null> {
  const found = await (await db()).get("kept", key);
  return found ? { at: found.at, value: found.value as T } : null;
}

export async function forget(key: string): Promise<void> {
  await (await db()).delete("kept", key);
}

/** Asks the browser not to throw the store away when space is short. */
export async function askToPersist(): Promise<void> {
  await navigator.storage?.persist?.().catch(() => false);
}
