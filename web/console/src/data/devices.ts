/** Devices: models by code, pins for the map, series for charts, and the latest values kept up by the stream. */
import { computed, onScopeDispose, ref, shallowRef, triggerRef } from "vue";
import { api } from "@shared/api/client";
import { problemOf } from "@shared/api/problem";
import { onLive, onReset, wantValues } from "@shared/live/index";
import type { Collection } from "@shared/map/base";
import { useFresh } from "@shared/util/fresh";
import { severityStatus } from "@shared/util/status";
import type { Expected, Series } from "../charts/series";
import { t } from "../i18n/index";
import { short as shortCount } from "./cases";
import type { Property, ThingModel } from "./types";

export const models = shallowRef<ThingModel[]>([]);
let asked: Promise<void> | null = null, askedAt = 0;
/** A version may be published at any time: what is older than this is read again behind what is shown. */
const MODELS_MS = 60_000;

export function loadModels(anew = false): Promise<void> {
  const held = models.value.length > 0;
  if (asked && !anew && (!held || Date.now() - askedAt < MODELS_MS)) return asked;
  askedAt = Date.now();
  asked = api.get<ThingModel[]>("/thing-models").then((found) => void (models.value = found), () => void (asked = null));
  return held && !anew ? Promise.resolve() : asked;
}
export const modelOf = (code: string) => models.value.find((one) => one.code === code);
export const propertyOf = (model: string, code: string): Property | undefined => modelOf(model)?.properties.find((one) => one.code === code);
/** Kinds of devices that are about places; others never appear in lists. */
export const placeModels = computed(() => models.value.filter((one) => one.subject === "place"));

export function format(value: number | string | boolean | null | undefined, property?: Property): string {
  if (value === null || value === undefined) return "–";
  if (property?.type === "bool") return t(value ? "device.yes" : "device.no");
  if (typeof value !== "number") return String(value);
  return value.toFixed(property?.precision ?? (Number.isInteger(value) ? 0 : 2));
}

export interface Pins { fields: string[]; items: (string | number | boolean | null)[][]; more?: boolean }
export interface DeviceCells { at: string; fields: string[]; total: number; items: (string | number | null)[][] }

/** The compact rows of /device-pins as features of the map. */
export function pinFeatures(pins: Pins | null, alarmsOnly = false, kind = ""): Collection {
  if (!pins) return { type: "FeatureCollection", features: [] };
  const at = Object.fromEntries(pins.fields.map((name, i) => [name, i]));
  const features = pins.items
    .filter((row) => (!alarmsOnly || row[at["alarm"]!]) && (!kind || row[at["model"]!] === kind))
    .map((row): GeoJSON.Feature => {
      const alarm = row[at["alarm"]!] as string | null;
      const found = alarm ? severityStatus(alarm) : "fine";
      const status = alarm && found !== "info" ? found : row[at["online"]!] ? "fine" : "silent";
      return {
        type: "Feature",
        properties: { id: row[at["id"]!], status, code: row[at["code"]!], model: row[at["model"]!] },
        geometry: { type: "Point", coordinates: [row[at["lon"]!] as number, row[at["lat"]!] as number] },
      };
    });
  return { type: "FeatureCollection", features };
}

/** What the service counted by cells as features of the map; of a device alone its id. */
export function cellFeatures(cells: DeviceCells | null): Collection {
  const at = Object.fromEntries((cells?.fields ?? []).map((name, i) => [name, i]));
  const features = (cells?.items ?? []).map((row): GeoJSON.Feature => {
    const of = (name: string) => Number(row[at[name]!] ?? 0);
    const worst = row[at["worst"]!], count = of("count"), loud = worst ? severityStatus(String(worst)) : "fine";
    const status = loud === "urgent" || loud === "soon" ? loud : of("silent") === count ? "silent" : "fine";
    return {
      type: "Feature",
      properties: { id: row[at["id"]!] ?? "", count, label: shortCount(count), alarms: of("alarms"), alarmLabel: shortCount(of("alarms")), status },
      geometry: { type: "Point", coordinates: [of("lon"), of("lat")] },
    };
  });
  return { type: "FeatureCollection", features };
}

const ms = (value: number | string) => (typeof value === "number" ? (value < 1e11 ? value * 1000 : value) : Date.parse(value));
type Columns = { t?: (number | string)[]; times?: (number | string)[]; min?: (number | null)[]; max?: (number | null)[]; mean?: (number | null)[]; count?: number[] };

export async function readSeries(device: string, property: string, start: number, end: number, points: number, signal?: AbortSignal): Promise<Series> {
  const query = { property, start: new Date(start).toISOString(), end: new Date(end).toISOString(), points };
  const found = await api.get<Columns & { series?: Columns[] | Columns }>(`/devices/${device}/series`, query, signal ? { signal } : {});
  const columns = Array.isArray(found.series) ? (found.series[0] ?? {}) : (found.series ?? found);
  const t = (columns.t ?? columns.times ?? []).map(ms);
  const mean = columns.mean ?? [];
  return { t, mean, min: columns.min ?? mean, max: columns.max ?? mean, count: columns.count ?? t.map(() => 1) };
}

export function readExpected(device: string, property: string, start: number, end: number, signal?: AbortSignal): Promise<Expected> {
  const query = { property, start: new Date(start).toISOString(), end: new Date(end).toISOString(), points: 300 };
  return api.get<Expected>(`/devices/${device}/expected`, query, signal ? { signal } : {});
}

export interface Latest { value: number | string | boolean | null; at: number }
/** device id → property → latest value. */
export type LatestMap = Map<string, Map<string, Latest>>;

/** Latest values of the devices shown: read once, then kept up by the stream. */
export function useLatest(ids: () => string[]) {
  const values = shallowRef<LatestMap>(new Map());
  const at = ref(0);
  const put = (device: string, property: string, value: Latest["value"], time: number) => {
    if (!values.value.has(device)) values.value.set(device, new Map());
    const before = values.value.get(device)!.get(property);
    if (!before || before.at <= time) values.value.get(device)!.set(property, { value, at: time });
  };
  let readAt = 0;
  const fresh = useFresh(() => load());
  async function load(): Promise<void> {
    const wanted = ids();
    if (!wanted.length) return;
    try {
      const found = await api.get<{ items: LatestRow[] } | LatestRow[]>("/devices/latest", { ids: wanted.slice(0, 200).join(",") });
      for (const row of Array.isArray(found) ? found : found.items) {
        if (row.property) put(row.device_id, row.property, row.value ?? null, ms(row.at ?? row.t ?? row.ts ?? 0));
        for (const [property, one] of Object.entries(row.values ?? {})) put(row.device_id, property, one.value, ms(one.at ?? one.t ?? 0));
      }
      triggerRef(values);
      readAt = Date.now();
      fresh.read();
    } catch (error) {
      fresh.failed(problemOf(error), readAt);
    }
  }
  onReset(() => void load());
  wantValues();
  let pending = false;
  const timer = setInterval(() => {
    if (pending) triggerRef(values);
    pending = false;
  }, 500);
  onScopeDispose(() => clearInterval(timer));
  onLive<never>("value", (frame) => {
    const wanted = new Set(ids());
    for (const item of (frame as unknown as { items: [string, string, string, ...unknown[]][] }).items) {
      if (!wanted.has(item[0])) continue;
      const [first, second] = item.slice(3) as (number | string | boolean)[];
      const time = typeof first === "number" && first > 1e11 ? first : ms(second as number);
      put(item[0], item[2], (time === first ? second : first) as Latest["value"], time);
      pending = true;
      at.value = Date.now();
    }
  });
  return { values, load, at };
}
interface LatestRow { device_id: string; property?: string; value?: Latest["value"]; at?: string; t?: number; ts?: number; values?: Record<string, { value: Latest["value"]; at?: string; t?: number }> }
