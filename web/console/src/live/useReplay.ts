/** The last 24 hours again: which cases were open and which alarms stood at a moment of the past. */
import { computed, ref, shallowRef } from "vue";
import { api, type Page } from "@shared/api/client";
import type { Collection } from "@shared/map/base";
import { dueStatus, severityStatus, type Status } from "@shared/util/status";
import { millis, serverNow } from "@shared/util/time";
import { say, sayProblem } from "@shared/util/toasts";
import type { Alarm, CaseRow } from "../data/types";
import { area } from "../data/workspace";
import { t } from "../i18n/index";
import { can } from "../session";

const DAY = 86_400_000;

const MOST = 5_000;

async function pages<T>(path: string, query: Record<string, string>): Promise<T[]> {
  const found: T[] = [];
  let cursor: string | null = null;
  do {
    const page: Page<T> = await api.get<Page<T>>(path, { ...query, limit: 200, cursor });
    found.push(...page.items);
    cursor = page.next;
  } while (cursor && found.length < MOST);
  if (cursor) say(t("live.replayCut", { n: found.length }));
  return found;
}

export function standing(from: string, to: string | null, at: number): boolean {
  return millis(from) <= at && (!to || millis(to) > at);
}

/** How a case stood at a moment of the past, by its handling limit. */
export function stood(it: Pick<CaseRow, "urgent" | "due_at" | "handle_due_at" | "finished_at">, at: number): Status {
  if (it.urgent) return "urgent";
  if (it.finished_at && millis(it.finished_at) <= at) return "fine";
  return dueStatus({ due_at: it.handle_due_at ?? it.due_at }, at);
}

/** Every case that was open at some moment since: those open now, and those closed since. */
export async function openSince(since: string, inArea: string): Promise<CaseRow[]> {
  const [open, closed] = await Promise.all([
    pages<CaseRow>("/cases", { area: inArea, open: "true" }),
    pages<CaseRow>("/cases", { area: inArea, closed_from: since }),
  ]);
  return [...new Map([...open, ...closed].map((one) => [one.id, one])).values()];
}

export function useReplay() {
  const on = ref(false), at = ref(serverNow()), start = ref(0), end = ref(0), busy = ref(false);
  const rows = shallowRef<CaseRow[]>([]), alarmRows = shallowRef<Alarm[]>([]);

  async function begin(): Promise<void> {
    busy.value = true;
    try {
      end.value = serverNow();
      start.value = end.value - DAY;
      const since = new Date(start.value).toISOString();
      const [cases, alarms] = await Promise.all([
        openSince(since, area.value),
        can("alarms.view") ? pages<Alarm>("/alarms", { area: area.value, state: "all", since }) : Promise.resolve([]),
      ]);
      rows.value = cases;
      alarmRows.value = alarms;
      at.value = end.value;
      on.value = true;
    } catch (error) {
      sayProblem(error);
    } finally {
      busy.value = false;
    }
  }
  const point = (lon: number | null, lat: number | null): GeoJSON.Point => ({ type: "Point", coordinates: [lon ?? 0, lat ?? 0] });
  const cases = computed<Collection>(() => ({
    type: "FeatureCollection",
    features: rows.value.filter((one) => one.lon !== null && standing(one.created_at, one.closed_at, at.value)).map((one) => ({
      type: "Feature", properties: { id: one.id, status: stood(one, at.value), number: one.number }, geometry: point(one.lon, one.lat),
    })),
  }));
  const alarms = computed<Collection>(() => ({
    type: "FeatureCollection",
    features: alarmRows.value.filter((one) => one.lon !== null && standing(one.raised_at, one.cleared_at, at.value)).map((one) => {
      const status = severityStatus(one.severity);
      return { type: "Feature", properties: { id: one.device.id, status: status === "urgent" ? "urgent" : "soon" }, geometry: point(one.lon, one.lat) };
    }),
  }));
  return { on, at, start, end, busy, begin, cases, alarms, stop: () => void (on.value = false) };
}
