import { readdirSync, readFileSync, existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { fill } from "./index";

const root = new URL("../../", import.meta.url);
const places = ["shared/i18n/", "console/src/i18n/", "field/src/i18n/"].filter((path) => existsSync(new URL(`${path}zh.json`, root)));
const HAN = /[\u3400-\u9fff]/;
const read = (path: string) => JSON.parse(readFileSync(new URL(path, root), "utf8")) as Record<string, string>;

describe.each(places)("words of %s", (path) => {
  const zh = read(`${path}zh.json`), en = read(`${path}en.json`);
  it("exist in both languages", () => {
    expect(Object.keys(en).sort()).toEqual(Object.keys(zh).sort());
  });
  it("have the same places to fill in", () => {
    const holes = (text: string) => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort();
    for (const key of Object.keys(zh)) expect([key, holes(en[key]!)]).toEqual([key, holes(zh[key]!)]);
  });
  it("are English in English", () => {
    const wrong = Object.entries(en).filter(([key, text]) => key !== "lang.other" && HAN.test(text));
    expect(wrong).toEqual([]);
  });
});

describe("components", () => {
  it("hold no words of their own", () => {
    const files = ["shared", "console/src", "field/src"]
      .filter((dir) => existsSync(new URL(dir, root)))
      .flatMap((dir) => readdirSync(new URL(dir, root), { recursive: true }).map((name) => `${dir}/${String(name)}`))
      .filter((name) => name.endsWith(".vue"));
    const wrong = files.filter((name) => {
      const template = readFileSync(new URL(name, root), "utf8").match(/<template>[\s\S]*<\/template>/)?.[0] ?? "";
      return HAN.test(template.replace(/<!--[\s\S]*?-->/g, ""));
    });
    expect(wrong).toEqual([]);
  });
});

describe("fill", () => {
  it("picks the English plural by n", () => {
    expect(fill("{n} day ago | {n} days ago", { n: 1 }, "en")).toBe("1 day ago");
    expect(fill("{n} day ago | {n} days ago", { n: 3 }, "en")).toBe("3 days ago");
  });
});
