import { expect, test } from "vitest";
import { actLines, actText, classLines, classText, wordLines, wordText } from "./lines";

test("lines are read as they were written", () => {
  const lines = [{ class: "2004*", service_code: "WATER", attributes: { depth: "x" } }, { class: "100101", service_code: "" }];
  expect(classText(lines)).toBe("2004* = WATER\n100101");
  expect(classLines(classText(lines), lines)).toEqual(lines);
  expect(classLines(" \n 2004*=A=B \n")).toEqual([{ class: "2004*", service_code: "A=B" }]);
  expect(wordLines(wordText({ filed: "OPEN" }))).toEqual({ filed: "OPEN" });
  expect(actLines(actText({ FIXED: ["finish", "close"], OPEN: [] }))).toEqual({ FIXED: ["finish", "close"], OPEN: [] });
});
