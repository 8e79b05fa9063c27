/** Cases: the catalogue and transition table, acts, and pins for the map. */
import { computed, shallowRef } from "vue";
import { api, newKey } from "@shared/api/client";
import type { Collection } from "@shared/map/base";
import { dueStatus, type Status } from "@shared/util/status";
import { t, type Key } from "../i18n/index";
import type { CaseCells, CaseDetail, CaseLink, CasePins, CaseRow, Catalogue, Done, Suggestion, Transitions } from "./types";

export const catalogue = shallowRef<Catalogue | null>(null);
export const transitions = shallowRef<Transitions | null>(null);
let asked: Promise<void> | null = null;

export function loadTables(): Promise<void> {
  asked ??= Promise.all([api.get<Catalogue>("/catalogue"), api.get<Transitions>("/catalogue/transitions")]).then(
    ([foundCatalogue, foundTransitions]) => {
      catalogue.value = foundCatalogue;
      transitions.value = foundTransitions;
    },
    () => void (asked = null),
  );
  return asked;
}
export const steps = computed(() => transitions.value?.steps ?? []);
export const states = computed(() => transitions.value?.states ?? []);
export const stateName = (code: string) => states.value.find((one) => one.code === code) ?? { zh: code, en: code };

/** Who of a recommended team is at work, what it has to do, and how near it is. */
export const whyWords = (one: Suggestion): string => one.why.map((why) => t(`why.${why.code}` as Key, { n: why.n ?? 0 })).join(" · ");

export const DECIDE = "submitted,verifying,accepted,filed,in_transfer";
export const UNDERWAY = "dispatched,handling,suspended,mediation,referred";
export const VERIFY = "handled,checked";

export function caseStatus(it: Pick<CaseRow, "due_at" | "urgent" | "state" | "closed_at">, now?: number): Status {
  return dueStatus({ due_at: it.due_at, urgent: it.urgent, paused: it.state === "suspended", closed: Boolean(it.closed_at) }, now);
}

/** What stands first in a line: the class, or the beginning of the text. */
export function headline(it: Pick<CaseRow, "text" | "address">): string {
  return it.text || it.address;
}

export function pinFeatures(pins: CasePins | null, now: number): Collection {
  if (!pins) return { type: "FeatureCollection", features: [] };
  const at = Object.fromEntries(pins.columns.map((name, i) => [name, i]));
  return {
    type: "FeatureCollection",
    features: pins.rows.map((row) => {
      const due = row[at["due"]!] as number | null;
      const status = dueStatus({ due_at: due === null ? null : due * 1000, urgent: Boolean(row[at["urgent"]!]), paused: row[at["state"]!] === "suspended" }, now);
      return {
        type: "Feature",
        properties: { id: row[at["id"]!], status, number: row[at["number"]!] },
        geometry: { type: "Point", coordinates: [row[at["lon"]!] as number, row[at["lat"]!] as number] },
      };
    }),
  };
}

export const SATISFACTION = ["satisfied", "partly", "dissatisfied", "unreached"];

/** Cells of a map that is far away, as the service counted them: what is worst in a cell gives it its colour. */
export function cellFeatures(cells: CaseCells | null): Collection {
  if (!cells) return { type: "FeatureCollection", features: [] };
  const at = Object.fromEntries(cells.columns.map((name, i) => [name, i]));
  return {
    type: "FeatureCollection",
    features: cells.rows.map((row) => {
      const of = (name: string) => Number(row[at[name]!] ?? 0);
      const count = of("count"), urgent = of("urgent"), soon = of("soon");
      const status: Status = urgent ? "urgent" : soon ? "soon" : of("paused") === count ? "paused" : "fine";
      return {
        type: "Feature",
        properties: { id: row[at["id"]!] ?? "", number: row[at["number"]!] ?? "", count, label: short(count), urgent, soon, status },
        geometry: { type: "Point", coordinates: [of("lon"), of("lat")] },
      };
    }),
  };
}

/** 950, 1.2k, 27k: what fits into a circle. */
export function short(count: number): string {
  if (count < 1_000) return String(count);
  return `${count < 9_950 ? Math.round(count / 100) / 10 : Math.round(count / 1_000)}k`;
}

export type Given = Record<string, string | number | boolean | null>;

/** Does one of the case's acts. The key stays the same when it is sent again after a lost answer. */
export async function act(it: CaseDetail | CaseRow, action: string, given: Given = {}, key = newKey()): Promise<Done> {
  return api.post<Done>(`/cases/${it.id}/actions/${action}`, { ...given, version: it.version }, { key });
}
export const readLinks = (id: string, signal?: AbortSignal) => api.get<{ items: CaseLink[] }>(`/cases/${id}/links`, {}, signal ? { signal } : {});
export const claim = (id: string) => api.post<Done>(`/cases/${id}/claim`);
export const unclaim = (id: string) => api.delete<Done>(`/cases/${id}/claim`);
export const undoDispatch = (id: string) => api.post<Done>(`/cases/${id}/dispatch/undo`);
export const readCase = (id: string, signal?: AbortSignal) => api.get<CaseDetail>(`/cases/${id}`, {}, signal ? { signal } : {});
