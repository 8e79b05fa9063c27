/** Status is a shape and a word before it is a colour. */
import { millis, serverNow, type When } from "./time";

export type Status = "urgent" | "soon" | "fine" | "paused" | "info";
export const SHAPE: Record<Status, string> = { urgent: "▲", soon: "◆", fine: "●", paused: "‖", info: "○" };
const SOON = 2 * 3_600_000;

/** The status of something with a deadline. */
export function dueStatus(
  it: { due_at?: When; paused?: boolean | null; closed?: boolean | null; urgent?: boolean | null }, now = serverNow(),
): Status {
  if (it.closed) return "info";
  if (it.paused) return "paused";
  const due = millis(it.due_at);
  if (it.urgent || (Number.isFinite(due) && due <= now)) return "urgent";
  return Number.isFinite(due) && due - now < SOON ? "soon" : "fine";
}

const SEVERITY: Record<string, Status> = {
  critical: "urgent", urgent: "urgent", severe: "urgent", major: "urgent",
  warning: "soon", medium: "soon", minor: "soon", low: "info", info: "info", notice: "info", indeterminate: "info",
};

export function severityStatus(severity: string | number | null | undefined): Status {
  if (typeof severity === "number") return severity >= 3 ? "urgent" : severity === 2 ? "soon" : "info";
  return SEVERITY[String(severity ?? "").toLowerCase()] ?? "info";
}
