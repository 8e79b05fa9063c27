/** Coordinates of map apps: converted by what the message says they are, against the worked points of the service. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { metres } from "../geo";
import { fromWgs84, toWgs84, type Datum, type Point } from "./datum";
import { placeIn } from "./message";

const worked = readFileSync(new URL("../../../../tests/places/worked_points.csv", import.meta.url), "utf8").trim().split("\n").slice(1)
  .map((line) => line.split(",").map(Number) as [number, number, number, number, number, number])
  .map(([a, b, c, d, e, f]) => ({ wgs84: { lon: a, lat: b }, gcj02: { lon: c, lat: d }, bd09: { lon: e, lat: f } }));
const at = (lon: number, lat: number): Point => ({ lon, lat });

describe("coordinates", () => {
  it.each(["gcj02", "bd09"] as const)("of %s agree with the worked points, both ways", (datum) => {
    expect(worked.length).toBeGreaterThan(8);
    for (const one of worked) {
      expect(metres(fromWgs84(one.wgs84, datum), one[datum])).toBeLessThan(0.01);
      expect(metres(toWgs84(one[datum], datum), one.wgs84)).toBeLessThan(0.01);
      expect(metres(one[datum], one.wgs84)).toBeGreaterThan(300); // what the pin would be wrong by
    }
  });
  it("of WGS84, and of places abroad in GCJ-02, stay", () => {
    expect(toWgs84(at(117.2, 31.9), "wgs84")).toEqual(at(117.2, 31.9));
    expect(toWgs84(at(-0.1276, 51.5072), "gcj02")).toEqual(at(-0.1276, 51.5072));
  });
});

const one = worked[1]!, [glon, glat, blon, blat] = [one.gcj02.lon, one.gcj02.lat, one.bd09.lon, one.bd09.lat].map((n) => n.toFixed(6));
const lon = one.wgs84.lon.toFixed(6), lat = one.wgs84.lat.toFixed(6);
const KNOWN: [string, Datum, string][] = [
  ["Amap, a marker", "gcj02", `https://uri.amap.com/marker?position=${glon},${glat}&name=%E4%BA%95%E7%9B%96`],
  ["Amap, a marker encoded", "gcj02", `看这里https://uri.amap.com/marker?position=${glon}%2C${glat}，井盖坏了`],
  ["Amap, a marker in GPS coordinates", "wgs84", `https://uri.amap.com/marker?position=${lon},${lat}&coordinate=wgs84`],
  ["Amap, the end of a way", "gcj02", `https://uri.amap.com/navigation?from=117.100000,31.800000&to=${glon},${glat},x&mode=car`],
  ["Amap, a shared place", "gcj02", `https://wb.amap.com/?p=B022F0071D,${glat},${glon},name,addr`],
  ["Amap, longitude first by name", "gcj02", `https://ditu.amap.com/regeo?lng=${glon}&lat=${glat}&src=x`],
  ["Amap, the app's own scheme", "gcj02", `androidamap://viewMap?sourceApplication=x&lat=${glat}&lon=${glon}&dev=0`],
  ["Amap, the scheme with GPS", "wgs84", `iosamap://viewMap?sourceApplication=x&lat=${lat}&lon=${lon}&dev=1`],
  ["Tencent, a marker", "gcj02", `https://apis.map.qq.com/uri/v1/marker?marker=coord:${glat},${glon};title:x&referer=y`],
  ["Tencent, a point", "gcj02", `https://map.qq.com/?type=marker&isopeninfowin=1&pointx=${glon}&pointy=${glat}&name=x`],
  ["Tencent, GPS", "wgs84", `https://apis.map.qq.com/uri/v1/geocoder?coord=${lat},${lon}&coord_type=1&referer=y`],
  ["Baidu, a marker", "bd09", `http://api.map.baidu.com/marker?location=${blat},${blon}&title=x&output=html`],
  ["Baidu, the scheme", "bd09", `baidumap://map/marker?location=${blat},${blon}&title=x&coord_type=bd09ll&src=y`],
  ["Baidu, GCJ-02", "gcj02", `https://api.map.baidu.com/marker?location=${glat},${glon}&coord_type=gcj02`],
  ["OpenStreetMap", "wgs84", `https://www.openstreetmap.org/?mlat=${lat}&mlon=${lon}#map=18/${lat}/${lon}`],
  ["a geo address", "wgs84", `geo:${lat},${lon};u=20`],
  ["words with the app's name", "gcj02", `【高德地图】井盖坏了 ${glat},${glon}`],
  ["words with Baidu's name", "bd09", `百度地图上的位置 ${blon}，${blat}`],
  ["words with the datum before the app's", "wgs84", `高德拍的，WGS-84 坐标 ${lat}, ${lon}`],
  ["words beside a short link", "gcj02", `${glat},${glon} https://surl.amap.com/9ZbXy1234`],
];

describe("a message of a map app", () => {
  it.each(KNOWN)("%s", (_, datum, text) => {
    const found = placeIn(text);
    expect(found.place?.said.datum).toBe(datum);
    expect(metres(found.place!, one.wgs84)).toBeLessThan(0.5);
  });
  it.each([
    ["bare numbers", `井盖坏了 ${glat}, ${glon}`],
    ["an app that may mean either", `https://www.google.com/maps?q=${glat},${glon}`],
    ["two apps", `高德和百度地图都说是 ${glat},${glon}`],
    ["a host that only looks like one", `https://amap.com.example/?p=${glat},${glon}`],
    ["a type nobody knows", `https://api.map.baidu.com/marker?location=${glat},${glon}&coord_type=mars`],
    ["a geo address of another system", `geo:${glat},${glon};crs=gcj`],
  ])("%s: not known, and the numbers stay as they are", (_, text) => {
    const { place } = placeIn(text);
    expect(place?.said.datum).toBeNull();
    expect(place).toMatchObject(at(Number(glon), Number(glat)));
  });
  it("without degrees names no place, and an id in a link is no unit's code", () => {
    expect(placeIn("https://map.baidu.com/@13056421.912,3735020.953,17z").place).toBeNull();
    expect(placeIn("https://j.map.baidu.com/1a/xYz").place).toBeNull();
    const code = [..."0123456789"].map((d) => `12345${d}`);
    expect(code.map((digits) => placeIn(`https://www.amap.com/place/${digits}`).unitCode).join("")).toBe("");
    expect(placeIn("坏链接 https://uri.amap.com/marker?position=117.2%2").place).toBeNull();
  });
});
