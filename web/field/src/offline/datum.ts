/**
 * Coordinates of Chinese map apps to and from WGS84: GCJ-02 (Amap, Tencent) and BD-09 (Baidu). The service does the same
 * (places/geo.py); the phone does it too, because a draft's place is looked at without a network. Both are held to the
 * same worked points, tests/places/worked_points.csv.
 */
export interface Point {
  lon: number;
  lat: number;
}
export type Datum = "wgs84" | "gcj02" | "bd09";

const AXIS = 6378245, FLAT = 1 / 298.3, ECC = 1 - (1 - FLAT) ** 2; // the ellipsoid that GCJ-02 is defined on
const { PI, sin, cos, sqrt, abs, atan2, hypot } = Math;

function abroad({ lon, lat }: Point): boolean {
  return lon < 72.004 || lon > 137.8347 || lat < 0.8293 || lat > 55.8271;
}

/** The waves that both axes share, and one's own along `v`. */
function waves(x: number, v: number, far: readonly [number, number]): number {
  const fine = 20 * sin(6 * x * PI) + 20 * sin(2 * x * PI);
  const near = 20 * sin(v * PI) + 40 * sin((v / 3) * PI);
  return ((fine + near + far[0] * sin((v / 12) * PI) + far[1] * sin((v / 30) * PI)) * 2) / 3;
}

function toGcj(at: Point): Point {
  if (abroad(at)) return at;
  const x = at.lon - 105, y = at.lat - 35, tilt = (at.lat / 180) * PI;
  const north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * sqrt(abs(x)) + waves(x, y, [160, 320]);
  const east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * sqrt(abs(x)) + waves(x, x, [150, 300]);
  const bend = 1 - ECC * sin(tilt) ** 2;
  return {
    lon: at.lon + (east * 180) / ((AXIS / sqrt(bend)) * cos(tilt) * PI),
    lat: at.lat + (north * 180) / (((AXIS * (1 - ECC)) / (bend * sqrt(bend))) * PI),
  };
}

function gcjToBd({ lon, lat }: Point): Point {
  const far = hypot(lon, lat) + 0.00002 * sin((lat * PI * 3000) / 180);
  const turn = atan2(lat, lon) + 0.000003 * cos((lon * PI * 3000) / 180);
  return { lon: far * cos(turn) + 0.0065, lat: far * sin(turn) + 0.006 };
}

export function fromWgs84(at: Point, datum: Datum): Point {
  if (datum === "wgs84") return at;
  const there = toGcj(at);
  return datum === "gcj02" ? there : gcjToBd(there);
}

/** Neither has an inverse that can be written down: the point is moved until it comes out right, to well under a metre. */
export function toWgs84(at: Point, datum: Datum): Point {
  if (datum === "wgs84") return at;
  let guess = at;
  for (let turn = 0; turn < 10; turn += 1) {
    const there = fromWgs84(guess, datum), east = at.lon - there.lon, north = at.lat - there.lat;
    guess = { lon: guess.lon + east, lat: guess.lat + north };
    if (abs(east) + abs(north) < 1e-10) break;
  }
  return guess;
}
