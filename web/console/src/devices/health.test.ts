import { expect, test } from "vitest";
import { pace, shown, type Health } from "./health";

const at = (second: number, messages: number | null): Health => ({ at: new Date(second * 1000).toISOString(), processes: [], doors: [], gateway: { messages }, sense: {}, leases: [], history: {}, kept_days: {}, events: {} });
const of = (it: Health) => it.gateway["messages"];

test("a pace is what came between two readings, by the service's own clock", () => {
  expect(pace(at(105, 600), at(100, 100), of)).toBe(100);
});

test("without a reading before, after a new start, or of nothing there is no pace", () => {
  expect([pace(at(5, 600), null, of), pace(at(5, 10), at(0, 600), of), pace(at(5, null), at(0, 1), of), pace(at(5, 6), at(5, 6), of)]).toEqual([null, null, null, null]);
  expect([shown(null), shown(undefined), shown(0)]).toEqual(["–", "–", "0"]);
});
