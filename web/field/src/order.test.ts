import { describe, expect, it } from "vitest";
import { inOrder, route, why, type Ordered } from "./order";

const NOW = Date.parse("2026-03-02T04:00:00Z");
const task = (id: string, hours: number | null, far: number | null, urgent = false, lon: number | null = 117): Ordered => ({
  id, urgent, metres: far, lon, lat: lon === null ? null : 31,
  due_at: hours === null ? null : new Date(NOW + hours * 3_600_000).toISOString(),
});

describe("the order of the day", () => {
  it("is overdue, due soon, then the nearest", () => {
    const tasks = [task("far", 50, 900), task("near", 90, 20), task("soon", 1, 5000), task("late", -2, 9000), task("later", -1, 10), task("urgent", 30, 10, true)];
    expect(inOrder(tasks, NOW).map((one) => one.id)).toEqual(["late", "later", "soon", "urgent", "near", "far"]);
    expect(tasks.map((one) => why(one, NOW))).toEqual(["near", "near", "soon", "overdue", "overdue", "soon"]);
  });
  it("needs neither place nor deadline", () => {
    expect(inOrder([task("b", null, null), task("a", null, null), task("c", 30, null)], NOW).map((one) => one.id)).toEqual(["c", "a", "b"]);
  });
  it("makes a way from one to the next, what presses first", () => {
    const here = { lon: 117, lat: 31 };
    const tasks = [task("c", 50, 0, false, 117.04), task("a", 50, 0, false, 117.01), task("late", -1, 0, false, 117.02), task("nowhere", 50, null, false, null)];
    const way = route(tasks, here, NOW);
    expect(way.map((stop) => stop.task.id)).toEqual(["late", "a", "c", "nowhere"]);
    expect(Math.round((way[0]!.leg ?? 0) / 100)).toBe(19);
    expect(way[3]!.leg).toBeNull();
  });
});
