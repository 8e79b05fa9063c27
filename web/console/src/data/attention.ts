/** What needs someone now: counts of the bar, urgent items nobody has acknowledged, and the one sound of the console. */
import { computed, effectScope, onScopeDispose, shallowRef, ref, watch } from "vue";
import type { RouteLocationRaw } from "vue-router";
import { api, type Page } from "@shared/api/client";
import { problemOf } from "@shared/api/problem";
import { onLive, onReset } from "@shared/live/index";
import { useFresh } from "@shared/util/fresh";
import { batched } from "@shared/util/load";
import { can } from "../session";
import { useDuty } from "./duty";
import type { Alarm, AlarmCounts, CaseCounts, CaseRow } from "./types";
import { area } from "./workspace";

export interface Item { id: string; kind: "alarm" | "case"; to: RouteLocationRaw }
export const caseCounts = shallowRef<CaseCounts | null>(null);
export const alarmCounts = shallowRef<AlarmCounts | null>(null);
export const attention = shallowRef<Item[]>([]);
const { onDuty, load: loadDuty } = useDuty();

export const ringing = computed(() => attention.value.length);
export const counts = computed(() => ({
  open: caseCounts.value?.open ?? 0,
  urgent: caseCounts.value?.pressing ?? 0,
  soon: caseCounts.value?.soon ?? 0,
  alarms: alarmCounts.value?.active ?? 0,
  ringing: attention.value.length,
  onDuty: onDuty.value.length,
}));

/** A figure that cannot be read keeps its last state, and the banner says since when. */
const freshness = effectScope(true).run(() => useFresh(() => loadAttention()))!;
let readAt = 0;

export async function loadAttention(): Promise<void> {
  try {
    await readAll();
    readAt = Date.now();
    freshness.read();
  } catch (error) {
    freshness.failed(problemOf(error), readAt);
  }
}

async function readAll(): Promise<void> {
  const jobs: Promise<void>[] = [];
  if (can("cases.view")) {
    jobs.push(api.get<CaseCounts>("/cases/counts", { area: area.value }).then((found) => void (caseCounts.value = found)));
  }
  if (can("alarms.view")) {
    jobs.push(api.get<AlarmCounts>("/alarms/counts", { area: area.value }).then((found) => void (alarmCounts.value = found)));
  }
  jobs.push(loadRinging());
  if (can("duty.view")) jobs.push(loadDuty());
  await Promise.all(jobs);
}

/** Urgent alarms not acknowledged, and urgent cases that nobody has taken up. Only who can act on them hears them. */
async function loadRinging(): Promise<void> {
  const found: Item[] = [];
  if (can("alarms.act")) {
    const page = await api.get<Page<Alarm>>("/alarms", { state: "active", acknowledged: "false", severity: "urgent", area: area.value, limit: 20 });
    found.push(...page.items.map((one): Item => ({ id: one.id, kind: "alarm", to: { name: "alarms", params: { id: one.id } } })));
  }
  if (can("cases.dispatch") || can("cases.triage")) {
    const page = await api.get<Page<CaseRow>>("/cases", { sort: "due", open: "true", urgent: "true", state: "submitted,accepted,filed", area: area.value, limit: 20 });
    const free = page.items.filter((one) => (one.kind !== "device" || !can("alarms.act")) && (!one.claimed_until || Date.parse(one.claimed_until) < Date.now()));
    found.push(...free.map((one): Item => ({ id: one.id, kind: "case", to: { name: "live", params: { case: one.id } } })));
  }
  attention.value = found;
}

// --- the sound ---------------------------------------------------------------------------------------------------

const KEY = "linli.sound";
export const soundOn = ref(typeof localStorage === "undefined" || localStorage.getItem(KEY) !== "0");
export const soundBlocked = ref(false);
let audio: AudioContext | null = null, timer: ReturnType<typeof setInterval> | undefined, leader = false;

export function setSound(on: boolean): void {
  soundOn.value = on;
  localStorage.setItem(KEY, on ? "1" : "0");
}

function chime(): void {
  audio ??= new AudioContext();
  if (audio.state === "suspended") void audio.resume();
  soundBlocked.value = audio.state === "suspended";
  if (soundBlocked.value) return;
  const start = audio.currentTime;
  for (const [at, tone] of [[0, 880], [0.22, 660]] as const) {
    const voice = audio.createOscillator(), volume = audio.createGain();
    voice.frequency.value = tone;
    volume.gain.setValueAtTime(0, start + at);
    volume.gain.linearRampToValueAtTime(0.18, start + at + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.001, start + at + 0.2);
    voice.connect(volume).connect(audio.destination);
    voice.start(start + at);
    voice.stop(start + at + 0.22);
  }
}

function ring(): void {
  clearInterval(timer);
  timer = undefined;
  document.documentElement.dataset["ringing"] = String(ringing.value > 0 && soundOn.value);
  if (!ringing.value || !soundOn.value || !leader) return;
  chime();
  timer = setInterval(chime, 4_000);
}

/** Counts and sound while the frame lives. With several windows open, one of them sounds. */
export function startAttention(): void {
  const soon = batched(() => void loadAttention(), 1_500);
  onLive(["case.*", "alarm.*", "duty.changed"], soon);
  onReset(() => void loadAttention());
  watch(area, () => void loadAttention(), { immediate: true });
  watch([ringing, soundOn], ring);
  const minute = setInterval(() => void loadAttention(), 60_000);
  const unlock = () => {
    if (audio?.state === "suspended") void audio.resume().then(() => (soundBlocked.value = false));
  };
  addEventListener("pointerdown", unlock);
  if (navigator.locks) {
    void navigator.locks.request("linli-sound", () => {
      leader = true;
      ring();
      return new Promise<void>(() => {});
    });
  } else leader = true;
  onScopeDispose(() => {
    clearInterval(minute);
    clearInterval(timer);
    freshness.read();
    attention.value = [];
    caseCounts.value = alarmCounts.value = null;
    removeEventListener("pointerdown", unlock);
  });
}
