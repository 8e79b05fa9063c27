/** The last 24 hours again: which cases were open and which alarms stood at a moment of the past. */
import { computed, ref, shallowRef } from "vue";
import { api, type Page } from "@shared/api/client";
import type { Collection } from "@shared/map/base";
import { severityStatus } from "@shared/util/status";
import { millis, serverNow } from "@shared/util/time";
import { sayProblem } from "@shared/util/toasts";
import type { Alarm, CaseRow } from "../data/types";
import { area } from "../data/workspace";
import { can } from "../session";

const DAY = 86_400_000;

async function pages<T>(path: string, query: Record<string, string>, most = 1_000): Promise<T[]> {
  const found: T[] = [];
  let cursor: string | null = null;
  do {
    const page: Page<T> = await api.get<Page<T>>(path, { ...query, limit: 200, cursor });
    found.push(...page.items);
    cursor = page.next;
  } while (cursor && found.length < most);
  return found;
}

export function standing(from: string, to: string | null, at: number): boolean {
  return millis(from) <= at && (!to || millis(to) > at);
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
      const [fresh, open, alarms] = await Promise.all([
        pages<CaseRow>("/cases", { area: area.value, created_from: since }),
        pages<CaseRow>("/cases", { area: area.value, open: "true" }),
        can("alarms.view") ? pages<Alarm>("/alarms", { area: area.value, state: "all", since }) : Promise.resolve([]),
      ]);
      rows.value = [...new Map([...fresh, ...open].map((one) => [one.id, one])).values()];
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
      type: "Feature", properties: { id: one.id, status: one.urgent ? "urgent" : "fine", number: one.number }, geometry: point(one.lon, one.lat),
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
