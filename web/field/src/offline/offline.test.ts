import { describe, expect, it } from "vitest";
import { brightness, isFar, judge, sharpness } from "./checks";
import { isCode, placeIn } from "./message";

function grey(fn: (x: number, y: number) => number, width = 64, height = 48) {
  const data = new Uint8ClampedArray(width * height);
  for (let y = 0; y < height; y += 1) for (let x = 0; x < width; x += 1) data[y * width + x] = fn(x, y);
  return { data, width, height };
}

describe("photos", () => {
  it("with edges are sharp; a slope is blurred; a black one is dark", () => {
    expect(judge(grey((x) => ((x >> 2) & 1 ? 220 : 40)))).toEqual([]);
    expect(judge(grey((x) => 60 + 2 * x))).toEqual(["blur"]);
    expect(judge(grey((x) => (x & 1 ? 12 : 4)))).toEqual(["dark"]);
    expect(brightness(grey(() => 90))).toBe(90);
    expect(sharpness(grey(() => 90))).toBe(0);
  });
  it("are far only when the phone is sure", () => {
    const place = { lon: 117, lat: 31 }, now = Date.now();
    expect(isFar({ lon: 117.01, lat: 31, accuracy: 20, at: now }, place, now)).toBe(true);
    expect(isFar({ lon: 117.01, lat: 31, accuracy: 2000, at: now }, place, now)).toBe(false);
    expect(isFar({ lon: 117.01, lat: 31, accuracy: 20, at: now - 3_600_000 }, place, now)).toBe(false);
    expect(isFar(null, place, now)).toBe(false);
  });
});

describe("a message", () => {
  it("names a place by coordinates in either order", () => {
    expect(placeIn("井盖坏了 31.96336, 117.27908").place).toMatchObject({ lon: 117.27908, lat: 31.96336 });
    expect(placeIn("https://map.example/?q=117.27908,31.96336").place).toMatchObject({ lon: 117.27908, lat: 31.96336 });
    expect(placeIn("纬度：31.96336 经度：117.27908").place).toMatchObject({ lon: 117.27908, lat: 31.96336 });
  });
  it("names a unit by its code, and no phone number is one", () => {
    const good = [..."0123456789"].map((d) => `12345${d}`).filter(isCode);
    expect(good).toHaveLength(1);
    expect(placeIn(`单元码 ${good[0]} 楼道灯不亮`).unitCode).toBe(good[0]);
    expect(placeIn("电话 13812345678").unitCode).toBe("");
    expect(placeIn("昨天积水了").place).toBeNull();
  });
});
