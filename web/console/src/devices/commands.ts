/** Commands to a device: what a form of declared parameters holds, what is wrong with it, and what is sent. */
import type { Status } from "@shared/util/status";
import type { Act, Parameter } from "../data/types";

export type CommandState = "queued" | "sent" | "delivered" | "answered" | "failed" | "expired" | "cancelled";
export interface Command {
  id: string; number: number; device_id: string; method: string; params: unknown; one_way: boolean; state: CommandState; tries: number; result: unknown;
  account_id: string | null; by: string; created_at: string; expires_at: string; sent_at: string | null; delivered_at: string | null; ended_at: string | null;
}
export const STATUS: Record<CommandState, Status> = { queued: "paused", sent: "info", delivered: "info", answered: "fine", failed: "urgent", expired: "soon", cancelled: "paused" };
/** Seconds that a command may wait for a device that is away. */
export const EXPIRES = [60, 600, 3600, 86_400] as const;

/** What stands in the fields: texts, and a bool as it is. */
export type Draft = Record<string, string | boolean>;
export type Wrong = "number" | "range" | "text";

export function blank(act: Act): Draft {
  return Object.fromEntries(act.parameters.map((one) => [one.code, one.type === "bool" ? true : (one.choices?.[0]?.code ?? "")]));
}

/** Why a field cannot be sent; null when it can. */
export function wrong(part: Parameter, value: string | boolean | undefined): Wrong | null {
  if (part.type === "bool") return null;
  const text = String(value ?? "").trim();
  if (part.type === "text") return text ? null : "text";
  const number = Number(text);
  if (!text || !Number.isFinite(number)) return "number";
  return part.range && (number < part.range[0] || number > part.range[1]) ? "range" : null;
}

/** The parameters as the service wants them; null for a command that declares none. */
export function params(act: Act, draft: Draft): Record<string, unknown> | null {
  if (!act.parameters.length) return null;
  return Object.fromEntries(act.parameters.map((one) => [one.code, one.type === "number" ? Number(draft[one.code]) : one.type === "bool" ? Boolean(draft[one.code]) : String(draft[one.code]).trim()]));
}

/** Any value of a device, in one line. */
export function told(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** What somebody typed as the value of an attribute: JSON where it is a number, a bool, an object or between quotes, else text. */
export function attribute(text: string): unknown {
  try {
    return JSON.parse(text) ?? text;
  } catch {
    return text;
  }
}
/** A value as it is typed: a text that would be read as something else stands between quotes. */
export function typedAs(value: unknown): string {
  if (typeof value === "string") return attribute(value) === value ? value : JSON.stringify(value);
  return JSON.stringify(value);
}
