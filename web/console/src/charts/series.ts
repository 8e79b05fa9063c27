/** Turns columns of the history into what the chart draws: a mean line, a min–max band, and gaps as gaps. */
export interface Series {
  t: number[];
  min: (number | null)[];
  max: (number | null)[];
  mean: (number | null)[];
  count: number[];
}

export interface Drawn {
  mean: [number, number | null][];
  low: [number, number | null][];
  /** Height of the band above `low` (stacked). */
  band: [number, number | null][];
  banded: boolean;
  gaps: [number, number][];
}

/** The usual distance of points; a distance well above it is a gap. */
export function step(t: number[]): number {
  const gaps = t.slice(1).map((at, i) => at - t[i]!).sort((a, b) => a - b);
  return gaps.length ? gaps[Math.floor(gaps.length / 2)]! : 0;
}

export function drawn(series: Series, interval = 0): Drawn {
  const out: Drawn = { mean: [], low: [], band: [], banded: false, gaps: [] };
  const limit = Math.max(step(series.t), interval) * 2.6;
  series.t.forEach((at, i) => {
    const before = series.t[i - 1];
    if (before !== undefined && limit > 0 && at - before > limit) {
      out.gaps.push([before, at]);
      const middle = (before + at) / 2;
      out.mean.push([middle, null]);
      out.low.push([middle, null]);
      out.band.push([middle, null]);
    }
    const low = series.min[i] ?? null, high = series.max[i] ?? null;
    out.mean.push([at, series.mean[i] ?? null]);
    out.low.push([at, low]);
    out.band.push([at, low === null || high === null ? null : high - low]);
    if (low !== null && high !== null && high > low) out.banded = true;
  });
  return out;
}

/** In which range readings were expected, and which of them were odd. `step_s`: it is that of means over so many seconds. */
export interface Expected {
  property: string;
  t: number[];
  low: (number | null)[];
  high: (number | null)[];
  learnt_from: string | null;
  step_s: number | null;
  odd_total: number;
  odd: { at: string; value: number; kind: string; words: { zh: string; en: string } }[];
}

/** The expected range as two stacked columns: its lower edge, and its height; nothing where too little is known. */
export function ranged(expected: Expected | null | undefined): { low: [number, number | null][]; height: [number, number | null][] } {
  const out: ReturnType<typeof ranged> = { low: [], height: [] };
  expected?.t.forEach((at, i) => {
    const low = expected.low[i] ?? null, high = expected.high[i] ?? null;
    out.low.push([at, low]);
    out.height.push([at, low === null || high === null ? null : high - low]);
  });
  return out;
}

/** The edges at a moment: those of the last place at or before it, when it is no further away than two steps. */
export function rangeAt(expected: Expected | null | undefined, at: number): [number, number] | null {
  if (!expected?.t.length) return null;
  let found = -1;
  for (let from = 0, to = expected.t.length - 1; from <= to; ) {
    const middle = (from + to) >> 1;
    if (expected.t[middle]! <= at) [found, from] = [middle, middle + 1];
    else to = middle - 1;
  }
  found = Math.max(found, 0);
  const low = expected.low[found] ?? null, high = expected.high[found] ?? null;
  const near = Math.abs(at - expected.t[found]!) <= 2 * Math.max(step(expected.t), 60_000);
  return near && low !== null && high !== null ? [low, high] : null;
}
