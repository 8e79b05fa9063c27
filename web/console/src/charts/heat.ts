/** A calendar of one property: cells of a year (weeks × days) or of a month (days × hours), and the steps of their colour. */
export interface Calendar {
  property: string;
  by: "day" | "hour";
  interval_s: number;
  date: string[];
  hour: number[] | null;
  t: number[];
  until: number[];
  min: number[];
  max: number[];
  mean: number[];
  count: number[];
  coverage: number[];
}
export const MEASURES = ["max", "min", "mean", "count", "coverage"] as const;
export type Measure = (typeof MEASURES)[number];
export const STEPS = 5;

/** `at` is the place of its values in the calendar; null where no reading is. */
export interface Cell { key: string; date: string; hour: number | null; row: number; column: number; at: number | null }
export interface Grid { cells: Cell[]; rows: number; columns: number; months: { column: number; month: number }[] }

const two = (n: number) => String(n).padStart(2, "0");
export const days = (year: number, month: number): number => new Date(Date.UTC(year, month, 0)).getUTCDate();

/** A year by weeks that begin on Monday: rows are the days of the week. */
export function yearGrid(year: number, found: Calendar | null): Grid {
  const at = new Map(found?.date.map((date, i) => [date, i]));
  const first = (new Date(Date.UTC(year, 0, 1)).getUTCDay() + 6) % 7;
  const out: Grid = { cells: [], rows: 7, columns: 0, months: [] };
  let n = 0;
  for (let month = 1; month <= 12; month += 1) {
    out.months.push({ column: Math.floor((first + n) / 7), month });
    for (let day = 1; day <= days(year, month); day += 1, n += 1) {
      const date = `${year}-${two(month)}-${two(day)}`;
      out.cells.push({ key: date, date, hour: null, row: (first + n) % 7, column: Math.floor((first + n) / 7), at: at.get(date) ?? null });
    }
  }
  out.columns = Math.floor((first + n - 1) / 7) + 1;
  return out;
}

/** A month: a column a day, a row an hour. */
export function monthGrid(year: number, month: number, found: Calendar | null): Grid {
  const at = new Map(found?.date.map((date, i) => [`${date} ${found.hour?.[i]}`, i]));
  const columns = days(year, month), cells: Cell[] = [];
  for (let day = 1; day <= columns; day += 1)
    for (let hour = 0; hour < 24; hour += 1) {
      const date = `${year}-${two(month)}-${two(day)}`;
      cells.push({ key: `${date} ${hour}`, date, hour, row: hour, column: day - 1, at: at.get(`${date} ${hour}`) ?? null });
    }
  return { cells, rows: 24, columns, months: [] };
}

/** From where to where the colours go: coverage from nothing to all, others over what there is. */
export function range(values: readonly number[], measure: Measure): [number, number] {
  if (measure === "coverage") return [0, 1];
  if (!values.length) return [0, 0];
  let low = Infinity, high = -Infinity;
  for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  return [low, high];
}

/** Which of the colours, 0 to STEPS - 1: a low value has one too, and is no missing one. */
export function level(value: number, [low, high]: [number, number]): number {
  if (high <= low) return STEPS - 1;
  return Math.min(STEPS - 1, Math.max(0, Math.floor(((value - low) / (high - low)) * STEPS)));
}

/** The edges of the colours, for the legend. */
export const edges = ([low, high]: [number, number]): number[] => Array.from({ length: STEPS + 1 }, (_, i) => low + ((high - low) * i) / STEPS);

const MOVES: Record<string, readonly [number, number]> = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/** Which cell an arrow key leads to, or null. */
export function step(grid: Grid, from: Cell, press: string): Cell | null {
  if (press === "Home" || press === "End") return grid.cells.at(press === "Home" ? 0 : -1) ?? null;
  const move = MOVES[press];
  return (move && grid.cells.find((one) => one.row === from.row + move[0] && one.column === from.column + move[1])) ?? null;
}
