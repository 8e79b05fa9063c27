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
