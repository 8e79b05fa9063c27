import { expect, test } from "vitest";
import type { Act } from "../data/types";
import { attribute, blank, params, told, typedAs, wrong } from "./commands";

const part = (code: string, more: object) => ({ code, name: { zh: code, en: code }, unit: "", shown_unit: "", ...more });
const act = {
  code: "set", name: { zh: "设定", en: "set" },
  parameters: [part("opening", { type: "number", range: [0, 100] }), part("on", { type: "bool" }), part("plan", { type: "text", choices: [{ code: "day", name: { zh: "日", en: "day" } }] }), part("words", { type: "text" })],
} as Act;
const [opening, on, , words] = act.parameters as [Act["parameters"][0], Act["parameters"][0], Act["parameters"][0], Act["parameters"][0]];

test("an empty form asks for what is missing and chooses nothing dangerous", () => {
  const draft = blank(act);
  expect(draft).toEqual({ opening: "", on: true, plan: "day", words: "" });
  expect(wrong(opening, draft["opening"])).toBe("number");
  expect(wrong(words, draft["words"])).toBe("text");
  expect(wrong(on, false)).toBeNull();
});

test("numbers are held to their range, ends included", () => {
  expect(["0", "100", " 40 "].map((v) => wrong(opening, v))).toEqual([null, null, null]);
  expect(["-1", "100.5"].map((v) => wrong(opening, v))).toEqual(["range", "range"]);
  expect(["", "x", "1e999"].map((v) => wrong(opening, v))).toEqual(["number", "number", "number"]);
});

test("what is sent has the types that the model declares", () => {
  expect(params(act, { opening: "40", on: false, plan: "day", words: " 注意 " })).toEqual({ opening: 40, on: false, plan: "day", words: "注意" });
  expect(params({ code: "start", name: act.name, parameters: [] }, {})).toBeNull();
});

test("an attribute's text and value are each other's, also where a text looks like a number", () => {
  for (const value of [5, 5.5, true, "a", "5", "true", "", "null", { a: [1] }]) expect(attribute(typedAs(value))).toEqual(value);
  expect(attribute("北门")).toBe("北门");
});

test("an answer is one line", () => {
  expect([told(null), told({ open: true }), told("ok"), told(0)]).toEqual(["", '{"open":true}', "ok", "0"]);
});
