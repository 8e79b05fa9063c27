import { expect, test } from "vitest";
import { level, share } from "./quality";

test("a share never rounds a gap away", () => {
  expect([share(0, 10), share(10, 10), share(1, 3)]).toEqual(["0 %", "100 %", "33.3 %"]);
  expect([share(99_999, 100_000), share(1, 100_000)]).toEqual([">99.9 %", "<0.1 %"]);
});

test("without a whole, or without history, there is no share", () => {
  expect([share(0, 0), share(null, 10), share(5, null)]).toEqual(["–", "–", "–"]);
});

test("levels tell where to look", () => {
  expect([level(10, 10), level(96, 100), level(90, 100), level(10, 100), level(0, 0)]).toEqual(["fine", "fine", "soon", "urgent", "fine"]);
});
