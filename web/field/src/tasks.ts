/** The member's tasks: the service's last answer, kept on the phone, with what the member did since laid over it. */
import { api, type Page } from "@shared/api/client";
import { problemOf, type Problem } from "@shared/api/problem";
import { computed, ref, shallowRef, watch } from "vue";
import { position } from "./duty";
import { metres } from "./geo";
import type { Mark } from "./offline/checks";
import { keep, kept, newId, type Step } from "./offline/db";
import { enqueue, items, online } from "./offline/outbox";
import { me } from "./session";
import { t } from "./words";

export type TaskState = "open" | "accepted" | "arrived" | "done" | "returned" | "cancelled";
export interface Task {
  id: string;
  case_id: string | null;
  title: string;
  note: string;
  state: TaskState;
  due_at: string | null;
  illustrative?: boolean;
  lon: number | null;
  lat: number | null;
  address: string;
  urgent: boolean;
  photos: { id: string; stage: string }[];
}
export type Act = "accept" | "arrive" | "finish" | "return";
const AFTER: Record<Act, TaskState> = { accept: "accepted", arrive: "arrived", finish: "done", return: "returned" };

const answer = shallowRef<Task[]>([]);
export const at = ref(0);
export const problem = shallowRef<Problem | null>(null);
export const loading = ref(false);

let asked = 0; // when the answer that is shown was asked for: acts sent since then are not in it

watch(
  () => me.value?.account_id,
  () => {
    answer.value = [];
    at.value = asked = 0;
    problem.value = null;
  },
  { flush: "sync" },
);

/** Acts in the outbox, and those sent after the answer was asked for, move a task before the service's answer does. */
export const tasks = computed<(Task & { queued: boolean; metres: number | null })[]>(() =>
  answer.value.map((task) => {
    const mine = items.value.filter((one) => one.chain === `task:${task.id}`);
    const queued = mine.filter((one) => one.state === "waiting");
    const fresh = mine.filter((one) => one.state === "waiting" || (one.state === "sent" && (one.sentAt ?? 0) >= asked));
    const last = fresh.map((one) => AFTER[one.label.split("|")[0] as Act]).filter(Boolean).at(-1);
    const here = position.value;
    const far = here && task.lon !== null && task.lat !== null ? metres(here, { lon: task.lon, lat: task.lat }) : null;
    return { ...task, state: last ?? task.state, queued: queued.length > 0, metres: far };
  }),
);

/** Tasks that have not ended, by the phone's own knowledge too. */
export function running<T extends Task>(all: readonly T[]): T[] {
  return all.filter((one) => !["done", "returned", "cancelled"].includes(one.state));
}

export async function loadTasks(): Promise<void> {
  const account = me.value?.account_id;
  if (!account) return;
  if (!answer.value.length) {
    const last = await kept<Task[]>(`tasks:${account}`);
    if (last && account === me.value?.account_id) {
      answer.value = last.value;
      at.value = last.at;
    }
  }
  if (!online.value) return;
  loading.value = true;
  const began = Date.now();
  try {
    const page = await api.get<Page<Task>>("/tasks", { mine: true, state: "running", limit: 100 });
    if (began < asked || account !== me.value?.account_id) return; // a later question was answered first; or signed out
    asked = began;
    answer.value = page.items;
    at.value = Date.now();
    problem.value = null;
    await keep(`tasks:${account}`, page.items);
  } catch (error) {
    if (account === me.value?.account_id) problem.value = problemOf(error);
  } finally {
    loading.value = false;
  }
}

/** Does an act on a task, with or without a network. The step's id is made here: sent twice, it acts once. */
export async function act(task: Task, name: Act, note = ""): Promise<void> {
  await enqueue({
    chain: `task:${task.id}`,
    label: `${name}|${task.title}`,
    steps: [{
      method: "PUT",
      path: `/tasks/${task.id}/steps/${newId()}`,
      body: { action: name, client_at: new Date().toISOString(), note },
    }],
  });
}

export async function addTaskPhoto(task: Task, photo: string, stage: "before" | "after", marks: Mark[]): Promise<void> {
  const steps: Step[] = [{
    method: "POST",
    path: `/tasks/${task.id}/photos/${photo}`,
    photo: { id: photo, field: "photo", fields: { stage, client_at: new Date().toISOString() } },
  }];
  if (marks.length) steps.push({ method: "PUT", path: `/photo-marks/${photo}`, body: { task_id: task.id, marks } });
  await enqueue({ chain: `task:${task.id}`, label: `photo-${stage}|${task.title}`, steps });
}

/** A voice note of a task is one of its case. */
export async function addTaskVoice(task: Task, voice: { id: string; seconds: number }): Promise<void> {
  await enqueue({
    chain: `task:${task.id}`,
    label: `voice|${task.title}`,
    steps: [{
      method: "POST",
      path: `/cases/${task.case_id}/voice-notes/${voice.id}`,
      photo: { id: voice.id, field: "voice", fields: { seconds: String(voice.seconds) } },
    }],
  });
}

/** Answers to the forms of the class of a task's case. */
export async function addTaskAnswers(task: Pick<Task, "id" | "title">, steps: Step[]): Promise<void> {
  await enqueue({ chain: `task:${task.id}`, label: `classform|${task.title}`, steps });
}

/** What an outbox label such as `accept|水位超警` says: the act in words, and the title that was typed or given. */
export function labelWords(label: string): { act: string; title: string } {
  const [name = "", title = ""] = label.split("|");
  const words: Record<string, string> = {
    accept: t("task.accept"), arrive: t("task.arrive"), finish: t("task.finish"), return: t("task.return"),
    "photo-before": t("task.before"), "photo-after": t("task.after"), report: t("nav.report"),
    voice: t("voice.start"), settle: t("report.settled"), form: t("forms.title"), classform: t("ask.title"), point: t("patrol.sign"), note: t("board.read"),
  };
  return words[name] ? { act: words[name], title } : { act: "", title: label };
}

/** Photos of a stage: those the service has and those still in the outbox. */
export function photosOf(task: Task, stage: "before" | "after"): number {
  const sent = new Set(task.photos.filter((one) => one.stage === stage).map((one) => one.id));
  for (const item of items.value) {
    if (item.chain !== `task:${task.id}` || item.state === "refused" || !item.label.startsWith(`photo-${stage}|`)) continue;
    for (const step of item.steps) if (step.photo) sent.add(step.photo.id);
  }
  return sent.size;
}

export function distanceWords(far: number | null): string {
  if (far === null) return "";
  return far < 950 ? t("common.metres", { n: Math.round(far / 10) * 10 }) : t("common.km", { n: (far / 1000).toFixed(1) });
}
