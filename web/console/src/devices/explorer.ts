/** The device explorer's question, as the address and the service know it. */
import type { Query } from "@shared/api/client";

export const FACETS = ["link", "alarm", "model", "owner", "area", "state"] as const;
export type Facet = (typeof FACETS)[number];
export interface FacetValue { key: string; n: number; silent: number; alarms: number }
export type Facets = { at: string; total: number; silent: number; alarms: number; placed: number } & Record<Facet, FacetValue[]>;
export const SORTS = ["code", "alarm", "seen"] as const;
export type Sort = (typeof SORTS)[number];
export const VIEWS = ["both", "list", "map"] as const;
export type View = (typeof VIEWS)[number];
export const NO_OWNER = "-";

export interface Look { q: string; chosen: Record<Facet, string[]>; sort: Sort; view: View; inMap: boolean }

const list = (text: unknown): string[] => String(text ?? "").split(",").filter(Boolean);
const one = <T extends string>(known: readonly T[], text: unknown): T => known.find((it) => it === text) ?? known[0]!;

export function fromQuery(query: Record<string, unknown>): Look {
  const chosen = Object.fromEntries(FACETS.map((name) => [name, list(query[name])])) as Look["chosen"];
  if (query["online"] !== undefined && !chosen.link.length) chosen.link = [query["online"] === "true" ? "online" : "silent"]; // addresses from before
  return { q: String(query["q"] ?? ""), chosen, sort: one(SORTS, query["sort"]), view: one(VIEWS, query["view"]), inMap: query["in"] === "map" };
}

export function toQuery(look: Look): Record<string, string> {
  const said: Record<string, string> = {
    q: look.q, ...Object.fromEntries(FACETS.map((name) => [name, look.chosen[name].join(",")])),
    sort: look.sort === SORTS[0] ? "" : look.sort, view: look.view === VIEWS[0] ? "" : look.view, in: look.inMap ? "map" : "",
  };
  return Object.fromEntries(Object.entries(said).filter(([, value]) => value));
}

/** What is asked of the service; the workspace's area holds while no area is chosen. */
export function asked(look: Look, area: string, box: string): Query {
  const { area: areas, ...rest } = look.chosen;
  return {
    q: look.q, area: areas.at(-1) || area, ...Object.fromEntries(Object.entries(rest).map(([name, values]) => [name, values.join(",")])),
    bbox: look.inMap ? box : "",
  };
}

/** A value of a facet pressed: alternatives add up, an area replaces the one before, the same one again lets go. */
export function toggled(look: Look, facet: Facet, value: string): Look {
  const before = look.chosen[facet], has = before.includes(value);
  const next = has ? before.filter((it) => it !== value) : facet === "area" ? [value] : [...before, value];
  return { ...look, chosen: { ...look.chosen, [facet]: next } };
}

export const count = (look: Look): number => FACETS.reduce((sum, name) => sum + look.chosen[name].length, 0) + (look.q ? 1 : 0);

/** Which rows of a long list are drawn: those in sight and some around them. */
export function window(top: number, high: number, row: number, total: number, around = 8): { from: number; to: number; before: number; after: number } {
  const from = Math.max(0, Math.min(Math.floor(top / row) - around, total)), to = Math.min(total, Math.ceil((top + high) / row) + around);
  return { from, to, before: from * row, after: Math.max(0, total - to) * row };
}
