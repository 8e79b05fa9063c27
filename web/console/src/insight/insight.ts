/** What the pages of indicators share: the shapes of the service's answers and how figures are written. */
import type { Names } from "@shared/i18n/index";
import { locale } from "@shared/i18n/index";

export interface Figure {
  code: string;
  kind: "count" | "rate" | "score";
  group: string;
  zh: string;
  en: string;
  good: "up" | "down" | "none";
  value: number | null;
  of: number | null;
  base: number | null;
  why: string;
  band: [number, number] | null;
  measure: string;
  base_measure: string;
  bases: string[];
  axis: Names;
  before: number | null;
  change: number | null;
  trend: "better" | "worse" | "none";
  sure: boolean | null;
  formula: Names;
}
export interface Head {
  area_name: Names;
  start: string;
  end: string;
  previous: { start: string; end: string };
  as_of: string | null;
  complete: boolean;
}
export interface FigurePage extends Head {
  groups: { code: string; zh: string; en: string }[];
  items: Figure[];
}
export interface LeagueRow {
  key: string;
  zh: string;
  en: string;
  of: number;
  base: number;
  value: number | null;
  band: [number, number] | null;
  tier: number | null;
  verdict: "better" | "worse" | "same" | "unknown";
}
export interface League extends Head {
  indicator: string;
  zh: string;
  en: string;
  formula: Names;
  left_out: number;
  all: { of: number; base: number; value: number | null };
  indicators: { code: string; zh: string; en: string }[];
  items: LeagueRow[];
}
export const PERIODS = ["day", "week", "month", "quarter", "year"] as const;
export const NONE = "—";

export function percent(share: number, digits = 1): string {
  return `${(share * 100).toFixed(digits)}%`;
}

/** A value as people read it: shares in percent, counts with separators, — for what cannot be computed. */
export function written(value: number | null, kind: Figure["kind"]): string {
  if (value === null) return NONE;
  if (kind === "rate") return percent(value);
  return kind === "score" ? value.toFixed(1) : Math.round(value).toLocaleString(locale.value);
}

/** How much it changed: percentage points for shares. */
export function changed(figure: Pick<Figure, "change" | "kind">, points: string): string {
  const change = figure.change;
  if (change === null) return NONE;
  const sign = change > 0 ? "+" : change < 0 ? "−" : "±";
  const size = Math.abs(change);
  if (figure.kind === "rate") return `${sign}${(size * 100).toFixed(1)} ${points}`;
  return `${sign}${figure.kind === "score" ? size.toFixed(1) : Math.round(size).toLocaleString(locale.value)}`;
}

/** Another day within the period before or after. */
export function shifted(start: string, end: string, by: -1 | 1): string {
  const at = new Date(`${by < 0 ? start : end}T12:00:00Z`);
  at.setUTCDate(at.getUTCDate() + by);
  return at.toISOString().slice(0, 10);
}

/** The chosen denominators as the service takes them. */
export function basesText(chosen: Record<string, string>): string {
  return Object.entries(chosen).map(([code, base]) => `${code}:${base}`).join(",");
}

export function basesOf(text: string): Record<string, string> {
  return Object.fromEntries(text.split(",").map((part) => part.split(":")).filter((pair): pair is [string, string] => pair.length === 2));
}
