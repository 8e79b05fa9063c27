/** A thing model while it is written: places in order, what a renamed property was, which field a refusal is about. */
import type { Body, BodyAct, BodyParameter, BodyProperty, Step, UnitRow, Wrong } from "./types";

export const freshProperty = (): BodyProperty => ({ code: "", name: { zh: "", en: "" }, type: "number", unit: "" });
export const freshAct = (): BodyAct => ({ code: "", name: { zh: "", en: "" } });
export const freshParameter = (): BodyParameter => ({ code: "", name: { zh: "", en: "" }, type: "number" });

/** The row at `from` now stands at `to`; out of bounds changes nothing. */
export function moved<T>(rows: T[], from: number, to: number): T[] {
  if (to < 0 || to >= rows.length || from === to) return rows;
  const made = [...rows], [one] = made.splice(from, 1);
  made.splice(to, 0, one!);
  return made;
}

/** What is wrong with a field, in the order of the service: itself, or anything in it with `within`. */
export const wrongAt = (problems: Wrong[], path: string, within = false): Wrong[] =>
  problems.filter((one) => one.field === path || (within && one.field.startsWith(`${path}.`)));

/** A form's number field gives "" when it is empty: then the word goes. */
export function put<T extends object>(row: T, name: keyof T, value: unknown): void {
  if (value === "" || value === null || value === undefined || Number.isNaN(value)) delete row[name];
  else row[name] = value as T[keyof T];
}

/** One end of a span; without both ends there is none. */
export function putEnd(row: BodyProperty | BodyParameter, name: "range" | "usual", end: 0 | 1, value: unknown): void {
  const target = row as unknown as Record<string, (number | null)[] | undefined>, span = [...(target[name] ?? [null, null])];
  span[end] = typeof value === "number" && !Number.isNaN(value) ? value : null;
  if (span[0] === null && span[1] === null) delete target[name];
  else target[name] = span;
}

/** The step that leads to the version being written. */
export const stepOf = (body: Body): Step | undefined => body.migrate?.find((one) => one.to === body.version);

export function wasOf(body: Body, code: string): string {
  return Object.entries(stepOf(body)?.rename ?? {}).find(([, now]) => now === code)?.[0] ?? "";
}
export const convertOf = (body: Body, code: string): { factor: number; offset: number } => stepOf(body)?.convert?.[code] ?? { factor: 1, offset: 0 };

/** Say what a property was before, and what its old values times which factor plus which offset are today; "" for none. */
export function setStep(body: Body, code: string, was: string, factor = 1, offset = 0): void {
  const rename = { ...stepOf(body)?.rename }, convert = { ...stepOf(body)?.convert };
  for (const [old, now] of Object.entries(rename)) if (now === code) delete rename[old];
  delete convert[code];
  if (was && code && was !== code) rename[was] = code;
  if (was && code && (factor !== 1 || offset !== 0)) convert[code] = { factor, offset };
  const others = (body.migrate ?? []).filter((one) => one.to !== body.version), step: Step = { to: body.version };
  if (Object.keys(rename).length) step.rename = rename;
  if (Object.keys(convert).length) step.convert = convert;
  const all = step.rename || step.convert ? [...others, step] : others;
  if (all.length) body.migrate = all;
  else delete body.migrate;
}

/** The code of a property is written anew: one of the version in force becomes what it was. */
export function recode(body: Body, at: number, code: string, before: readonly string[]): void {
  const row = body.properties[at]!, old = row.code, was = wasOf(body, old) || (before.includes(old) ? old : ""), { factor, offset } = convertOf(body, old);
  if (was) setStep(body, old, "");
  row.code = code;
  if (was && was !== code && code) setStep(body, code, was, factor, offset);
}

/** A property goes, and with it what was said about what it was. */
export function drop(body: Body, at: number): void {
  setStep(body, body.properties[at]!.code, "");
  body.properties.splice(at, 1);
}

/** Codes of the version in force that no property is or was. */
export const gone = (body: Body, before: readonly string[]): string[] =>
  before.filter((code) => !body.properties.some((one) => one.code === code || wasOf(body, one.code) === code));

/** Units that fit what was typed: code, what is shown, either name; those that begin with it first. */
export function unitsLike(units: UnitRow[], typed: string, limit = 12): UnitRow[] {
  const wanted = typed.trim().toLowerCase();
  if (!wanted) return units.slice(0, limit);
  const rank = (one: UnitRow) => {
    const words = [one.code, one.shown, one.name.zh, one.name.en].map((word) => word.toLowerCase());
    return words.some((word) => word === wanted) ? 0 : words.some((word) => word.startsWith(wanted)) ? 1 : words.some((word) => word.includes(wanted)) ? 2 : 3;
  };
  return units.map((one) => ({ one, at: rank(one) })).filter((row) => row.at < 3).sort((a, b) => a.at - b.at).slice(0, limit).map((row) => row.one);
}

/** A value of a comparison as a line. */
export function lineOf(value: unknown): string {
  if (value === null || value === undefined || value === "") return "–";
  if (Array.isArray(value) && value.every((one) => typeof one === "number")) return value.join(" – ");
  if (typeof value === "object") {
    const names = value as { zh?: string; en?: string };
    return names.zh !== undefined && names.en !== undefined ? `${names.zh} / ${names.en}` : JSON.stringify(value);
  }
  return String(value);
}
