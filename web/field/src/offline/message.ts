/** The place that a chat message names: coordinates, or the code on a unit's label. Pure; works without a network. */

export interface Found {
  place: { lon: number; lat: number } | null;
  unitCode: string;
}
// Damm's quasigroup, as in places/codes.py: of the numbers in a message only those with a right check digit are codes.
const DAMM = [
  "0317598642", "7092154863", "4206871359", "1750983426", "6123045978", "3674209581", "5869720134", "8945362017", "9438617205", "2581436790",
];
const PAIR = /(-?\d{1,3}\.\d{3,})\s*[,，;\s]\s*(-?\d{1,3}\.\d{3,})/;
// with the Chinese words for latitude and longitude
const NAMED = /(?:lat(?:itude)?|\u7eac\u5ea6)\D{0,3}(-?\d{1,2}\.\d{3,}).{0,12}?(?:lon|lng|longitude|\u7ecf\u5ea6)\D{0,3}(-?\d{1,3}\.\d{3,})/i;

export function isCode(digits: string): boolean {
  let state = 0;
  for (const digit of digits) state = Number(DAMM[state]![Number(digit)]);
  return state === 0;
}

function point(a: number, b: number): Found["place"] {
  const [lat, lon] = Math.abs(a) > 90 ? [b, a] : [a, b]; // people write latitude first; 117.2 can be no latitude
  return Math.abs(lat) <= 90 && Math.abs(lon) <= 180 ? { lon, lat } : null;
}

export function placeIn(text: string): Found {
  const qr = /\/q\/([0-9a-hjkmnp-tv-z]{20})\b/.exec(text)?.[1];
  const code = qr ?? (text.match(/(?<![\d.])\d{6,8}(?![\d.])/g) ?? []).find(isCode) ?? "";
  const pair = NAMED.exec(text) ?? PAIR.exec(text);
  return { unitCode: code, place: pair ? point(Number(pair[1]), Number(pair[2])) : null };
}
