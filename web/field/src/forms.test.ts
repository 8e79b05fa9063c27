import { describe, expect, it } from "vitest";
import { firstMissing, given, isAsked, type Form, type FormField } from "./forms";

const field = (name: string, more: Partial<FormField> = {}): FormField =>
  ({ name, type: "text", label: { zh: name, en: name }, required: false, personal: false, when: null, choices: [], ...more });
const form: Form = {
  code: "f", version: 1, kind: "visit", name: { zh: "f", en: "f" },
  fields: [
    field("met", { type: "select_one", required: true }), field("topics", { type: "select_multiple", when: { field: "met", is: "yes" } }),
    field("need", { personal: true, when: { field: "met", is: "yes" } }), field("which", { required: true, when: { field: "topics", is: "need" } }),
  ],
};

describe("a form", () => {
  it("asks what its conditions and the consent allow", () => {
    expect(isAsked(form.fields[2]!, { met: "yes" }, false)).toBe(false);
    expect(isAsked(form.fields[2]!, { met: "yes" }, true)).toBe(true);
    expect(isAsked(form.fields[3]!, { topics: ["safety", "need"] }, false)).toBe(true);
  });
  it("sends nothing that was not asked", () => {
    expect(given(form, { met: "no", need: "x", topics: [] }, true)).toEqual({ met: "no" });
    expect(given(form, { met: "yes", need: "x" }, false)).toEqual({ met: "yes" });
  });
  it("names the first answer that is missing", () => {
    expect(firstMissing(form, {}, false)?.name).toBe("met");
    expect(firstMissing(form, { met: "yes", topics: ["need"] }, false)?.name).toBe("which");
    expect(firstMissing(form, { met: "no" }, false)).toBeUndefined();
  });
});
