import { describe, expect, it } from "vitest";
import { days, edges, level, monthGrid, range, step, STEPS, yearGrid, type Calendar } from "./heat";

const found: Calendar = { property: "level", by: "day", interval_s: 600, date: ["2026-01-01", "2026-03-01"], hour: null, t: [0, 1], until: [1, 2], min: [0, 1], max: [5, 9], mean: [2, 3], count: [1, 2], coverage: [0.5, 1] };

describe("a year as weeks", () => {
  it("has each day once, on its day of the week", () => {
    const grid = yearGrid(2026, found);
    expect(grid.cells).toHaveLength(365);
    expect(yearGrid(2024, null).cells).toHaveLength(366);
    expect([grid.cells[0]!.row, grid.cells[0]!.column]).toEqual([3, 0]); // the first of January 2026 is a Thursday
    expect(grid.cells.find((one) => one.date === "2026-01-05")).toMatchObject({ row: 0, column: 1 });
    expect(new Set(grid.cells.map((one) => `${one.row} ${one.column}`)).size).toBe(365);
    expect(grid.months[2]).toEqual({ column: 8, month: 3 });
    expect(grid.columns).toBe(53);
  });
  it("tells missing days from others", () => {
    const cells = yearGrid(2026, found).cells;
    expect(cells.filter((one) => one.at !== null).map((one) => [one.date, one.at])).toEqual([["2026-01-01", 0], ["2026-03-01", 1]]);
  });
});

describe("a month as hours", () => {
  it("has 24 rows, and knows February", () => {
    expect([days(2026, 2), days(2024, 2)]).toEqual([28, 29]);
    const grid = monthGrid(2026, 2, { ...found, by: "hour", date: ["2026-02-03"], hour: [13] });
    expect(grid.cells).toHaveLength(28 * 24);
    expect(grid.cells.filter((one) => one.at !== null)).toEqual([{ key: "2026-02-03 13", date: "2026-02-03", hour: 13, row: 13, column: 2, at: 0 }]);
  });
});

describe("colours", () => {
  it("spread over what there is, the lowest with a colour of its own", () => {
    const span = range([2, 12], "max");
    expect(span).toEqual([2, 12]);
    expect([2, 3.9, 4, 12].map((value) => level(value, span))).toEqual([0, 0, 1, STEPS - 1]);
    expect(edges(span)).toEqual([2, 4, 6, 8, 10, 12]);
    expect(level(7, [7, 7])).toBe(STEPS - 1);
  });
  it("of coverage go from nothing to all", () => {
    expect(range([0.9, 1], "coverage")).toEqual([0, 1]);
    expect(range([], "mean")).toEqual([0, 0]);
  });
});

describe("the keyboard", () => {
  it("goes to the neighbour, and nowhere past the edge", () => {
    const grid = yearGrid(2026, found), first = grid.cells[0]!;
    expect(step(grid, first, "ArrowDown")!.date).toBe("2026-01-02");
    expect(step(grid, first, "ArrowRight")!.date).toBe("2026-01-08");
    expect(step(grid, first, "ArrowLeft")).toBeNull();
    expect(step(grid, first, "End")!.date).toBe("2026-12-31");
    expect(step(grid, first, "a")).toBeNull();
  });
});
