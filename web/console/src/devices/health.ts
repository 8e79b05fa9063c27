/** Health of gateways and connectors: what the service tells, and the pace between two readings of it. */
export interface ProcessState { name: string; up: boolean; ready: boolean; since: number | null; memory: number | null }
export interface Door { name: string; port: number; up: boolean; connections: number | null; frames: number | null }
export interface Lease { partition: number; owner: string; epoch: number; sequence: number; held: boolean; expires_at: string; saved_at: string | null }
type Figures = Record<string, number | null>;
export interface Health {
  at: string; processes: ProcessState[]; doors: Door[]; gateway: Figures; sense: Figures; leases: Lease[]; history: Figures; kept_days: Figures; events: Figures;
}
/** Refusals by reason stand beside the gateway's figures. */
export const refusals = (it: Health): [string, number][] => Object.entries((it.gateway as unknown as { refused: Record<string, number> }).refused).sort((a, b) => b[1] - a[1]);
export const behind = (it: Health): number[] => (it.sense as unknown as { catching_up: number[] }).catching_up;

/** How much a counter grew a second since the reading before; null without one, or when the process began anew. */
export function pace(now: Health, before: Health | null, of: (it: Health) => number | null | undefined): number | null {
  const a = before && of(before), b = of(now);
  if (!before || typeof a !== "number" || typeof b !== "number" || b < a) return null;
  const seconds = (Date.parse(now.at) - Date.parse(before.at)) / 1000;
  return seconds > 0 ? (b - a) / seconds : null;
}
export function shown(value: number | null | undefined, digits = 0): string {
  return typeof value === "number" ? value.toLocaleString(undefined, { maximumFractionDigits: digits }) : "–";
}
