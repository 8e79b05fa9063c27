/** Notes of the boards of one's own centres, kept on the phone; that one was read goes out like every other act. */
import { api, type Page } from "@shared/api/client";
import { problemOf, type Problem } from "@shared/api/problem";
import type { Names } from "@shared/i18n/index";
import { serverNow } from "@shared/util/time";
import { computed, ref, shallowRef, watch } from "vue";
import { keep, kept } from "./offline/db";
import { enqueue, items, online } from "./offline/outbox";
import { me } from "./session";

export interface Note {
  id: string;
  centre: Names;
  title: string;
  text: string;
  pinned: boolean;
  from_at: string;
  until_at: string | null;
  by_name: string;
  mine: boolean;
  read: boolean;
  read_count: number | null;
}
const answer = shallowRef<Note[]>([]);
export const boardAt = ref(0), boardProblem = shallowRef<Problem | null>(null);
export const hasBoard = computed(() => me.value?.permissions.includes("board.view") ?? false);
let asked = 0; // a later question may be answered first

watch(
  () => me.value?.account_id,
  () => {
    answer.value = [];
    boardAt.value = asked = 0;
    boardProblem.value = null;
  },
  { flush: "sync" },
);

/**
 * Standing notes: what the phone has sent or is to send counts as read, and a note whose time is over is gone. What the
 * service gave stood when it gave it, also where `now` has not been told since.
 */
export function notesAt(now: number): Note[] {
  const told = new Set(items.value.filter((one) => one.state !== "refused" && one.chain.startsWith("board:")).map((one) => one.chain.slice("board:".length)));
  const at = Math.max(now, boardAt.value);
  return answer.value
    .filter((one) => Date.parse(one.from_at) <= at && (!one.until_at || Date.parse(one.until_at) > at))
    .map((one) => (told.has(one.id) ? { ...one, read: true } : one));
}

export function isNew(note: Note): boolean {
  return !note.read && !note.mine;
}

export async function loadBoard(): Promise<void> {
  const account = me.value?.account_id;
  if (!account || !hasBoard.value) return;
  if (!boardAt.value) {
    const last = await kept<Note[]>(`board:${account}`);
    if (last && account === me.value?.account_id && !boardAt.value) {
      answer.value = last.value;
      boardAt.value = last.at;
    }
  }
  if (!online.value) return;
  const began = Date.now();
  try {
    const page = await api.get<Page<Note>>("/board", { own: true, limit: 100 });
    if (began < asked || account !== me.value?.account_id) return;
    asked = began;
    answer.value = page.items;
    boardAt.value = serverNow();
    boardProblem.value = null;
    await keep(`board:${account}`, page.items);
  } catch (error) {
    if (account === me.value?.account_id) boardProblem.value = problemOf(error);
  }
}

/** The receipt. A note that was taken down meanwhile needs none. */
export async function markRead(note: Note): Promise<void> {
  await enqueue({ chain: `board:${note.id}`, label: `note|${note.title}`, steps: [{ method: "PUT", path: `/board/${note.id}/read`, moot: true }] });
}
