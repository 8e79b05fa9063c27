/** Rules as the form writes them: what each kind needs, and nothing that it does not take. */
import type { Label, Rule, RuleCondition, RuleTerm } from "../data/types";

export const KINDS = ["threshold", "duration", "no_data", "terms"] as const;
export const TERM_KINDS = ["threshold", "range", "rate", "count", "anomaly"] as const;
export const SIDES = ["any", "above", "below", "jump", "flat"] as const;
export const SEVERITIES = ["info", "warning", "severe", "urgent"] as const;
const COMPARE = ["gt", "ge", "lt", "le", "eq", "ne"] as const;
const NEEDS: Record<RuleTerm["kind"], (keyof RuleTerm)[]> = {
  threshold: ["op", "value", "clear_value"], range: ["op", "low", "high", "margin"],
  rate: ["op", "value", "clear_value", "per", "window_s"], count: ["op", "value", "times", "window_s"],
  anomaly: ["side", "value", "clear_value"],
};

export function opsOf(kind: RuleTerm["kind"], yesNo: boolean): readonly ("gt" | "ge" | "lt" | "le" | "eq" | "ne" | "inside" | "outside")[] {
  if (kind === "range") return ["outside", "inside"];
  if (yesNo) return ["eq", "ne"];
  return kind === "rate" ? COMPARE.slice(0, 4) : COMPARE;
}

/** A term of a kind, with what is kept of another. */
export function freshTerm(kind: RuleTerm["kind"], property: string, yesNo: boolean, old?: RuleTerm): RuleTerm {
  if (kind === "anomaly") return { kind, property, side: old?.side ?? "any", value: 1 };
  const of = old?.of ? { of: { ...old.of } } : {};
  const ops: readonly string[] = opsOf(kind, yesNo), op = old?.op && ops.includes(old.op) ? old.op : ops[0]!;
  const made: RuleTerm = { kind, ...of, property, op };
  if (kind === "range") return { ...made, low: old?.low ?? 0, high: old?.high ?? 1 };
  made.value = yesNo ? (old?.value === 0 ? 0 : 1) : (old?.value ?? 0);
  if (kind === "rate") return { ...made, per: old?.per ?? "hour", window_s: old?.window_s ?? 3600 };
  if (kind === "count") return { ...made, times: old?.times ?? 3, window_s: old?.window_s ?? 1800 };
  return made;
}

export interface LeftSide { code: string; name: Label; type?: string; shown_unit?: string }

/** What a term may compare: the numbers and yes-or-nos of the model, and what the rule makes of them. */
export function leftSides(properties: readonly LeftSide[], condition: RuleCondition): LeftSide[] {
  const made = (condition.calculated ?? []).map((one): LeftSide => ({ code: one.code, name: one.name, type: "number", shown_unit: one.unit ?? "" }));
  return [...properties.filter((one) => one.type === "number" || one.type === "bool"), ...made];
}

/** A code that no other figure of the condition has. */
export function freshCode(condition: RuleCondition): string {
  const taken = (condition.calculated ?? []).map((one) => one.code);
  for (let n = 1; ; n++) if (!taken.includes(`figure_${n}`)) return `figure_${n}`;
}

/** A form's number field is "" when it is empty. */
const given = (value: unknown) => value !== undefined && value !== null && value !== "";

export function cleaned(condition: RuleCondition): RuleCondition {
  const keep = <T extends object>(one: T, names: readonly string[]) => Object.fromEntries(Object.entries(one).filter(([name, value]) => names.includes(name) && given(value))) as T;
  const made: RuleCondition = { match: condition.match ?? "all", terms: condition.terms.map((one) => keep(one, ["kind", "of", "property", ...(["eq", "ne"].includes(one.op ?? "") ? ["op", "value", "times", "window_s"] : NEEDS[one.kind])])) };
  if (condition.calculated?.length) made.calculated = condition.calculated.map((one) => keep(one, ["code", "name", "unit", "formula"]));
  if (condition.windows?.length) made.windows = condition.windows.map((one) => ({ ...one }));
  if (condition.ladder?.length) made.ladder = condition.ladder.map((one) => keep(one, given(one.value) ? ["severity", "value", "clear_value"] : ["severity", "after_s"]));
  return made;
}

export interface RuleForm { kind: string; property: string; op: string; value: number | null; clear_value: number | null; duration_s: number; no_data_s: number; severity: string; enabled: boolean; owner_department: string; condition: RuleCondition }

export function formOf(rule: Rule): RuleForm {
  const { kind, property, op, value, clear_value, duration_s, no_data_s, severity, enabled, owner_department } = rule;
  const condition: RuleCondition = rule.condition ? (JSON.parse(JSON.stringify(rule.condition)) as RuleCondition) : { match: "all", terms: [] };
  return { kind, property, op: op || "gt", value, clear_value, duration_s, no_data_s, severity, enabled, owner_department, condition };
}

/** Of another kind, starting from what was there. */
export function turned(form: RuleForm, kind: string, yesNo: boolean, first: string): void {
  form.kind = kind;
  form.property ||= first;
  if (kind === "terms" && !form.condition.terms.length) {
    const old: RuleTerm = { kind: "threshold", property: form.property, op: form.op, ...(form.value === null ? {} : { value: form.value }) };
    form.condition.terms.push({ ...freshTerm("threshold", form.property, yesNo, old), ...(form.clear_value === null ? {} : { clear_value: form.clear_value }) });
  }
  if (kind === "duration" && !form.duration_s) form.duration_s = 600;
  if (kind === "no_data" && !form.no_data_s) form.no_data_s = 1800;
}

/** What is sent: the fields of the kind, all of them, so that a change of kind leaves nothing behind. */
export function bodyOf(form: RuleForm): Record<string, unknown> {
  const { kind, severity, enabled, owner_department } = form;
  if (kind === "terms") return { kind, severity, enabled, owner_department, duration_s: form.duration_s, condition: cleaned(form.condition) };
  if (kind === "no_data") return { kind, severity, enabled, owner_department, duration_s: 0, no_data_s: form.no_data_s };
  const number = (value: unknown) => (given(value) ? value : null);
  return { kind, severity, enabled, owner_department, property: form.property, op: form.op, value: number(form.value), clear_value: number(form.clear_value), duration_s: kind === "duration" ? form.duration_s : 0, no_data_s: 0 };
}
