import { describe, expect, it } from "vitest";
import { answerSteps, firstGap, formsIn, type ClassForm } from "./classRules";
import type { FormField } from "./forms";

const field = (name: string, more: Partial<FormField> = {}): FormField =>
  ({ name, type: "text", label: { zh: name, en: name }, required: false, personal: false, when: null, choices: [], ...more });
const form = (code: string, classes: string[], at: "report" | "finish", fields: FormField[] = []): ClassForm =>
  ({ code, version: 1, kind: "case", name: { zh: code, en: code }, fields, classes, at });

describe("the forms of a class", () => {
  const all = [form("a", ["2021*"], "report", [field("x", { required: true }), field("y")]), form("b", ["202170"], "finish"), form("c", ["*"], "report")];
  it("are found by class or pattern and by their moment", () => {
    expect(formsIn(all, "202170", "report").map((one) => one.code)).toEqual(["a", "c"]);
    expect(formsIn(all, "202170", "finish").map((one) => one.code)).toEqual(["b"]);
    expect(formsIn(all, "100103", "report").map((one) => one.code)).toEqual(["c"]);
    expect(formsIn(all, "", "report")).toEqual([]);
  });
  it("name the first gap, and send only what was answered", () => {
    expect(firstGap(all, {})?.field.name).toBe("x");
    expect(firstGap(all, { a: { x: "1" } })).toBeNull();
    const steps = answerSteps(all, { a: { x: "1", y: "" } }, "/cases/{0.id}");
    expect(steps.map((one) => [one.method, one.path, (one.body as { answers: unknown }).answers])).toEqual([["PUT", "/cases/{0.id}/class-forms/a", { x: "1" }]]);
  });
});
