import { describe, expect, it } from "vitest";
import { ref } from "vue";
import { cellFeatures, type DeviceCells } from "../data/devices";
import { FEW_DEVICES, part, readDevices } from "./useDeviceMap";

const box: [number, number, number, number] = [117, 31.9, 117.2, 32];
function service(many: boolean) {
  const asked: [string, Record<string, unknown>][] = [];
  const read = async (path: string, query: Record<string, unknown>) => {
    asked.push([path, query]);
    return (path === "/device-pins" ? { fields: [], items: [], more: many } : { at: "", fields: [], total: 0, items: [] }) as never;
  };
  return { asked, read };
}

describe("devices on the map", () => {
  it("are read all at once while there are few, and never again for a move", async () => {
    const { asked, read } = service(false), many = ref(false);
    const found = await readDevices(read, { area: "a" }, many, null, true);
    expect(found.pins).toBeDefined();
    expect(asked).toEqual([["/device-pins", { area: "a", most: FEW_DEVICES }]]);
    expect(part(many.value, { zoom: 12, box })).toBe("");
  });
  it("are counted by cells of what is shown when there are many", async () => {
    const { asked, read } = service(true), many = ref(false);
    await readDevices(read, { area: "a" }, many, { zoom: 13.7, box }, true);
    expect(many.value).toBe(true);
    expect(asked.map(([path]) => path)).toEqual(["/device-pins", "/device-cells", "/device-cells"]);
    expect(asked[1]![1]).toMatchObject({ area: "a", zoom: 13, size: 64 });
    expect(asked[2]![1]).toMatchObject({ alarm: "any" });
    asked.length = 0;
    await readDevices(read, { area: "a" }, many, { zoom: 13.7, box }, false, 128);
    expect(asked.map(([, query]) => [query["alarm"], query["size"]])).toEqual([["any", 128]]);
    expect(part(true, { zoom: 13.2, box })).toBe(part(true, { zoom: 13.9, box }));
    expect(part(true, { zoom: 14.1, box })).not.toBe(part(true, { zoom: 13.9, box }));
  });
  it("say in a cell how many, and the worst", () => {
    const cells: DeviceCells = { at: "", total: 1236, fields: ["lon", "lat", "count", "silent", "alarms", "worst", "id", "name"], items: [[117.1, 31.9, 1_234, 4, 12, "urgent", null, null], [117, 32, 1, 1, 0, null, "x", "D-1"], [117, 32, 1, 0, 1, "info", "y", "D-2"]] };
    const found = cellFeatures(cells).features.map((one) => one.properties);
    expect(found[0]).toEqual({ id: "", count: 1_234, label: "1.2k", alarms: 12, alarmLabel: "12", status: "urgent" });
    expect(found.map((one) => one!["status"])).toEqual(["urgent", "silent", "fine"]);
    expect(cellFeatures(null).features).toEqual([]);
  });
});
