import { expect, test } from "vitest";
import { rows, ticks, type Episode, type Result } from "./bench";

const at = (hour: number) => new Date(Date.UTC(2026, 10, 1, hour)).toISOString();
const thing = (id: string) => ({ id, code: id, name: { zh: id, en: id } });
const one = (id: string, from: number, to: number | null, same = false): Episode => ({ device: thing(id), started_at: at(from), raised_at: at(from), ended_at: to === null ? null : at(to), value: 1, same });
const result = (alarms: Episode[], old_alarms: Episode[]): Result => ({
  start: at(0), end: at(100), devices: 3, silent_devices: 0, points: 1, unfit: 0, late: 0, line_unknown: false, total: alarms.length,
  both: alarms.filter((a) => a.same).length, only_new: alarms.filter((a) => !a.same).length, only_old: old_alarms.filter((a) => !a.same).length, by_device: [], alarms, old_alarms,
});

test("devices where draft and rule differ most come first, and what both raised counts once", () => {
  const found = rows(result([one("a", 10, 20, true), one("b", 10, 20), one("b", 50, 60)], [one("a", 11, 21, true), one("c", 5, 6)]));
  expect(found.map((r) => [r.device.id, r.added, r.gone, r.same])).toEqual([["b", 2, 0, 0], ["c", 0, 1, 0], ["a", 0, 0, 1]]);
  expect(found[0]!.bars.map((b) => [b.left, b.width])).toEqual([[10, 10], [50, 10]]);
});

test("an alarm from before the span begins at its edge, one still on ends at its edge, and nothing lies outside", () => {
  const found = rows(result([one("a", -30, 5), one("a", 99, null)], []))[0]!.bars;
  expect(found.map((b) => [b.left, b.width, b.open])).toEqual([[0, 5, false], [99, 1, true]]);
  const edge = rows(result([one("a", 100, null)], []))[0]!.bars[0]!;
  expect(edge.left + edge.width).toBeLessThanOrEqual(100);
});

test("bars of a kind that nearly touch are one with its count; those of another kind stay apart", () => {
  const many = Array.from({ length: 50 }, (_, i) => one("a", i, i + 0.9));
  const found = rows(result(many, [one("a", 20, 21)]))[0]!;
  expect(found.bars.filter((b) => b.kind === "added").map((b) => b.n)).toEqual([50]);
  expect(found.bars.filter((b) => b.kind === "gone").map((b) => b.n)).toEqual([1]);
  expect(found.added).toBe(50);
});

test("the axis has its ends", () => {
  expect(ticks(result([], [])).map((one) => one.at).filter((_, i) => i % 4 === 0)).toEqual([Date.parse(at(0)), Date.parse(at(100))]);
});
