/** The place that a chat message names: coordinates, or the code on a unit's label. Pure; works without a network. */
import { toWgs84, type Datum, type Point } from "./datum";

/** `said`: the coordinates as they were written; `datum` null: the message does not say whose they are. */
export interface Said extends Point {
  datum: Datum | null;
}
export interface Found {
  place: (Point & { said: Said }) | null;
  unitCode: string;
}
// Damm's quasigroup, as in places/codes.py: of the numbers in a message only those with a right check digit are codes.
const DAMM = [
  "0317598642", "7092154863", "4206871359", "1750983426", "6123045978", "3674209581", "5869720134", "8945362017", "9438617205", "2581436790",
];
const LINK = /[a-z][a-z\d+.-]*:\/\/[^\s\u3000-\u9fff\uff00-\uffef]+|\bgeo:[^\s\u3000-\u9fff\uff00-\uffef]+/gi; // ends at a space or a Chinese character
const NUMBER = String.raw`(-?\d{1,3}\.\d{3,})(?!\d)`;
const PAIR = new RegExp(String.raw`(?<![\d.])${NUMBER}\s*[,，;\s]\s*${NUMBER}`);
// with the Chinese words for latitude and longitude; pointx and pointy are Tencent's
const LAT = new RegExp(String.raw`(?:lat(?:itude)?|pointy|\u7eac\u5ea6)[^\d.-]{0,3}${NUMBER}`, "i");
const LON = new RegExp(String.raw`(?:lon(?:gitude)?|lng|pointx|\u7ecf\u5ea6)[^\d.-]{0,3}${NUMBER}`, "i");

// Who writes which coordinates, unless the link says otherwise. An app that is not here may mean either.
const APPS: readonly (readonly [RegExp, Datum])[] = [
  [/^[a-z]+amap:|^https?:\/\/(?:[\w-]+\.)*(?:amap|gaode)\.com(?![\w.])/i, "gcj02"],
  [/^qqmap:|^https?:\/\/(?:[\w-]+\.)*map(?:api)?\.qq\.com(?![\w.])/i, "gcj02"],
  [/^(?:baidu|bd)map:|^https?:\/\/(?:[\w-]+\.)*map\.baidu\.com(?![\w.])/i, "bd09"],
  [/^geo:(?!.*;crs=(?!wgs84))|^https?:\/\/(?:[\w-]+\.)*(?:openstreetmap\.org|osm\.org)(?![\w.])/i, "wgs84"], // RFC 5870
];
// The datum by its own name, and then the app's, in the words of the message.
const NAMES: readonly (readonly [RegExp, Datum])[] = [
  [/wgs[-_ ]?84|gps\s*\u5750\u6807/i, "wgs84"],
  [/gcj[-_ ]?02|\u706b\u661f\u5750\u6807|\u56fd\u6d4b\u5c40\u5750\u6807/i, "gcj02"],
  [/bd[-_ ]?09(?!mc)/i, "bd09"],
];
const APP_NAMES: readonly (readonly [RegExp, Datum])[] = [
  [/\u9ad8\u5fb7|\bamap\b|\u817e\u8baf\u5730\u56fe|tencent map|\u5fae\u4fe1\u4f4d\u7f6e/i, "gcj02"],
  [/\u767e\u5ea6\u5730\u56fe|\u767e\u5ea6\u5750\u6807|baidu map/i, "bd09"],
];

export function isCode(digits: string): boolean {
  let state = 0;
  for (const digit of digits) state = Number(DAMM[state]![Number(digit)]);
  return state === 0;
}

/** In China no latitude can be a longitude (3 to 54, 73 to 136), so the order tells itself; elsewhere latitude comes first. */
function point(a: number, b: number): Point | null {
  const turned = Math.abs(a) > 90 || (a > 72 && b > 0 && b < 56);
  const [lat, lon] = turned ? [b, a] : [a, b];
  return Math.abs(lat) <= 90 && Math.abs(lon) <= 180 && (lat || lon) ? { lon, lat } : null;
}

function coordinates(text: string): Point | null {
  const lat = LAT.exec(text)?.[1], lon = LON.exec(text)?.[1];
  if (lat && lon) return point(Number(lat), Number(lon));
  const pair = PAIR.exec(text);
  return pair ? point(Number(pair[1]), Number(pair[2])) : null;
}

/** The one datum that the words name; two different ones say nothing. */
function named(text: string, names: typeof NAMES): Datum | null {
  const found = new Set(names.filter(([name]) => name.test(text)).map(([, datum]) => datum));
  return found.size === 1 ? [...found][0]! : null;
}

/** What a link says of its coordinates: its own parameter first, then whose link it is. */
function datumOf(link: string): Datum | null {
  const app = APPS.find(([whose]) => whose.test(link))?.[1] ?? null;
  const asked = /[?&](?:coordinate|coord_?type|coord_?sys|dev)=([\w-]+)/i.exec(link);
  const value = asked?.[1]?.toLowerCase() ?? "";
  if (!asked || !app) return app;
  if (/^dev=/i.test(asked[0].slice(1))) return value === "1" ? "wgs84" : app; // Amap: 0, it is GCJ-02 already; 1, it is not
  if (app === "gcj02" && /^\d$/.test(value)) return value === "1" ? "wgs84" : value === "2" ? app : null; // Tencent
  if (value === "gaode") return "gcj02";
  if (value === "bd09ll") return "bd09";
  return value === "wgs84" || value === "gcj02" || value === "bd09" ? value : null; // bd09mc is metres: no degrees to read
}

function plain(link: string): string {
  try {
    return decodeURIComponent(link);
  } catch {
    return link; // cut off in the middle of a character
  }
}

/** Coordinates in a link go by what the link says; those in words by what the words say, then by the link beside them. */
function placeOf(text: string): Said | null {
  const links = (text.match(LINK) ?? []).map(plain);
  for (const link of links) {
    const goal = /[?&](?:to|tocoord|destination|dlat)=.*/i.exec(link)?.[0] ?? ""; // of a way, where it ends
    const at = coordinates(goal) ?? coordinates(link);
    if (at) return { ...at, datum: datumOf(link) };
  }
  const words = text.replace(LINK, " "), at = coordinates(words);
  if (!at) return null;
  const beside = new Set(links.map(datumOf).filter(Boolean));
  const byLink = beside.size === 1 ? [...beside][0]! : null;
  return { ...at, datum: named(words, NAMES) ?? named(words, APP_NAMES) ?? byLink };
}

export function placeIn(text: string): Found {
  const qr = /\/q\/([0-9a-hjkmnp-tv-z]{20})\b/.exec(text)?.[1];
  const code = qr ?? (text.replace(LINK, " ").match(/(?<![\d.])\d{6,8}(?![\d.])/g) ?? []).find(isCode) ?? "";
  const said = placeOf(text);
  return { unitCode: code, place: said ? { ...toWgs84(said, said.datum ?? "wgs84"), said } : null };
}
