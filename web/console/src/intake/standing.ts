/** How an entry point and a message stand, as a shape and a word; a mapping as lines. */
import type { Status } from "@shared/util/status";
import { standing } from "../entries/standing";
import type { Category, Intake, Mapping, Outcome, Preset } from "./types";

export const SHAPE_OF: Record<Outcome, Status> = { case: "fine", again: "info", talk: "info", verified: "info", refused: "urgent", signature: "urgent", limited: "soon" };

export const standingOf = (one: Pick<Intake, "enabled" | "last" | "last_success_at">) => standing(one, SHAPE_OF, "intake.lastRefused");

const ORDER = ["text", "class_code", "category", "lon", "lat", "datum", "address", "photos", "phone", "name", "consent", "outside_id"];
/** A mapping's fields in the order of a report, each with the paths at which the sender writes it. */
export function linesOf(mapping: Mapping): { field: string; paths: string[]; category?: Category }[] {
  const names = Object.keys(mapping).sort((a, b) => ORDER.indexOf(a) - ORDER.indexOf(b));
  return names.map((field) => {
    const at = mapping[field]!;
    if (typeof at === "string") return { field, paths: [at] };
    return Array.isArray(at) ? { field, paths: at } : { field, paths: [at.path], category: at };
  });
}

/** What fills an entry point's try at first: the sample of the form that it was made from, as far as one can see. */
export function sampleOf(mapping: Mapping, presets: Preset[]): unknown {
  const same = (other: Mapping) => linesOf(other).map((line) => `${line.field}=${line.paths.join()}`).join(";");
  return presets.find((one) => one.kind === "json" && same(one.mapping) === same(mapping))?.sample ?? null;
}
