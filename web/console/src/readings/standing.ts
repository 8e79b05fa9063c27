/** How a reading hook and a push stand, as a shape and a word; a mapping as lines; where the secret is shown. */
import type { Status } from "@shared/util/status";
import { standing } from "../entries/standing";
import type { Auth, Mapping, Outcome, Preset, ReadingHook } from "./types";

export const SHAPE_OF: Record<Outcome, Status> = { stored: "fine", passed: "info", verified: "info", refused: "urgent", signature: "urgent", limited: "soon" };

export const standingOf = (one: Pick<ReadingHook, "enabled" | "last" | "last_success_at">) => standing(one, SHAPE_OF, "readings.lastRefused");

/** What a mapping says, in its own order: what is read, and where it stands. */
export function linesOf(mapping: Mapping): { what: "each" | "device" | "time" | "reading"; at: string; more: string }[] {
  const found: ReturnType<typeof linesOf> = [];
  if (mapping.each) found.push({ what: "each", at: mapping.each, more: "" });
  if (mapping.device) found.push({ what: "device", at: mapping.device.path, more: mapping.device.as ?? "code" });
  if (mapping.time) found.push({ what: "time", at: mapping.time.path, more: mapping.time.form ?? "ms" });
  for (const one of mapping.readings ?? []) found.push({ what: "reading", at: one.path, more: one.property ?? one.code ?? "*" });
  return found;
}

/** The sample of the form that a hook was made from, as far as one can see. */
export function sampleOf(mapping: Mapping, presets: Preset[]): unknown {
  const same = (one: Mapping) => JSON.stringify(linesOf(one));
  return presets.find((one) => same(one.mapping) === same(mapping))?.sample ?? null;
}

/** The name of the header or parameter in which a platform shows the secret. */
export function placeOf(auth: Auth): string {
  if (auth.name) return auth.name;
  return auth.way === "hmac" ? "X-Signature" : auth.in === "query" ? "token" : "Authorization";
}

/** A hook's address as the platform is given it: with its token, where that stands in the address. */
export function addressOf(origin: string, one: Pick<ReadingHook, "path" | "auth">, secret: string): string {
  return origin + one.path + (one.auth.way === "token" && one.auth.in === "query" ? `?${placeOf(one.auth)}=${secret}` : "");
}
