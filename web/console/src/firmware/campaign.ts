/** What a campaign's figures mean: how far it is, what may be done, what devices say; all pure. */
import type { Status } from "@shared/util/status";
import type { Campaign, CampaignState, Counts, Kind, UpdateState } from "./types";

export const STATE: Record<CampaignState, Status> = { draft: "info", running: "soon", paused: "paused", done: "fine", cancelled: "info" };
export const UPDATE: Record<UpdateState, Status> = {
  waiting: "info", told: "info", downloading: "soon", downloaded: "soon", updating: "soon", updated: "fine", failed: "urgent", cancelled: "paused",
};
export const UPDATE_STATES = Object.keys(UPDATE) as UpdateState[];

export interface Progress { total: number; updated: number; failed: number; moving: number; waiting: number; cancelled: number; percent: number }
/** `moving`: told or further, not ended. `percent`: of all, how many are updated; 100 only when all are. */
export function progress(counts: Counts): Progress {
  const moving = counts.told + counts.downloading + counts.downloaded + counts.updating;
  const { updated, failed, waiting, cancelled } = counts, total = moving + updated + failed + waiting + cancelled;
  return { total, updated, failed, moving, waiting, cancelled, percent: total ? Math.floor((updated / total) * 100) : 0 };
}

export type Act = "start" | "advance" | "pause" | "resume" | "retry" | "cancel";
/** The acts that a campaign allows now, the likeliest first. */
export function acts(one: Pick<Campaign, "state" | "stage" | "stages" | "counts" | "firmware">): Act[] {
  const again: Act[] = one.counts.failed && !one.firmware.withdrawn_at ? ["retry"] : [];
  if (one.state === "draft") return ["start", "cancel"];
  if (one.state === "running") return [...(one.stage < one.stages.length ? (["advance"] as Act[]) : []), "pause", ...again, "cancel"];
  if (one.state === "paused") return ["resume", "cancel"];
  return one.state === "done" ? again : [];
}

/** `5, 50` → [5, 50, 100]; null when these are no growing percentages, or more than ten. */
export function stagesOf(text: string): number[] | null {
  const found = text.split(/[\s,，、→%]+/).filter(Boolean).map(Number);
  if (found[found.length - 1] !== 100) found.push(100);
  const grows = found.every((n, i) => Number.isInteger(n) && n >= 1 && n <= 100 && (i === 0 || n > found[i - 1]!));
  return grows && found.length <= 10 ? found : null;
}

/** How many devices each stage tells, as the service divides them. */
export function shares(stages: number[], devices: number): number[] {
  const ends = stages.map((share) => Math.ceil((devices * share) / 100));
  return ends.map((end, i) => end - (ends[i - 1] ?? 0));
}

/** 12345678 → 11.8 MB. */
export function bytes(size: number): string {
  if (size < 1024) return `${size} B`;
  return size < 1024 * 1024 ? `${(size / 1024).toFixed(1)} KB` : `${(size / 1024 / 1024).toFixed(1)} MB`;
}

export interface Said { current: string; target: string; state: string; error: string }
/** What a device runs and is to run, by its attributes. */
export function saidOf(kind: Kind, client: Record<string, unknown>, shared: Record<string, unknown>): Said {
  const p = kind === "firmware" ? "fw" : "sw";
  const text = (value: unknown) => (typeof value === "string" || typeof value === "number" ? String(value) : "");
  const both = (from: Record<string, unknown>, a: string, b: string) => [text(from[a]), text(from[b])].filter(Boolean).join(" ");
  return {
    current: both(client, `current_${p}_title`, `current_${p}_version`), target: both(shared, `${p}_title`, `${p}_version`),
    state: text(client[`${p}_state`]).toUpperCase(), error: text(client[`${p}_error`]),
  };
}
