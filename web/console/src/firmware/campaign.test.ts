import { describe, expect, it } from "vitest";
import zh from "../i18n/zh.json";
import { acts, bytes, progress, saidOf, shares, stagesOf, STATE, UPDATE_STATES } from "./campaign";
import type { Campaign, Counts } from "./types";

const none: Counts = { waiting: 0, told: 0, downloading: 0, downloaded: 0, updating: 0, updated: 0, failed: 0, cancelled: 0 };
const one = (state: Campaign["state"], failed = 0, stage = 1, withdrawn: string | null = null) =>
  acts({ state, stage, stages: [5, 100], counts: { ...none, failed }, firmware: { withdrawn_at: withdrawn } as Campaign["firmware"] });

describe("the progress of a campaign", () => {
  it("counts who is on the way, and says 100 % only when all are updated", () => {
    expect(progress({ ...none, told: 1, downloading: 2, updated: 3, failed: 1, waiting: 3 })).toMatchObject({ total: 10, moving: 3, updated: 3, percent: 30 });
    expect(progress({ ...none, updated: 999, failed: 1 }).percent).toBe(99);
    expect(progress(none).percent).toBe(0);
  });
});

describe("what may be done", () => {
  it("follows the state, the stage and what failed", () => {
    expect(one("draft")).toEqual(["start", "cancel"]);
    expect(one("running", 0, 1)).toEqual(["advance", "pause", "cancel"]);
    expect(one("running", 2, 2)).toEqual(["pause", "retry", "cancel"]);
    expect(one("paused", 2)).toEqual(["resume", "cancel"]);
    expect(one("done", 1, 2)).toEqual(["retry"]);
    expect(one("done", 1, 2, "2026-11-27T00:00:00Z")).toEqual([]);
    expect(one("done")).toEqual([]);
    expect(one("cancelled", 3)).toEqual([]);
  });
  it("has a word in each state", () => {
    const words = zh as Record<string, string>;
    for (const state of Object.keys(STATE)) expect(words[`campaignState.${state}`]).toBeTruthy();
    for (const state of UPDATE_STATES) expect(words[`updateState.${state}`]).toBeTruthy();
    for (const act of ["start", "advance", "pause", "resume", "retry", "cancel"]) expect(words[`firmware.act.${act}`]).toBeTruthy();
  });
});

describe("stages", () => {
  it("are read from what people write", () => {
    expect(stagesOf("5, 50")).toEqual([5, 50, 100]);
    expect(stagesOf("5% → 25% → 100%")).toEqual([5, 25, 100]);
    expect(stagesOf("")).toEqual([100]);
    for (const wrong of ["50, 5", "0, 50", "5, 5", "2.5", "x", "101", "1 2 3 4 5 6 7 8 9 10"]) expect(stagesOf(wrong)).toBeNull();
  });
  it("share out the devices as the service does", () => {
    expect(shares([5, 50, 100], 20)).toEqual([1, 9, 10]);
    expect(shares([5, 100], 3)).toEqual([1, 2]);
    expect(shares([100], 0)).toEqual([0]);
  });
});

describe("sizes and versions", () => {
  it("are told shortly", () => {
    expect([bytes(900), bytes(2048), bytes(12_000_000)]).toEqual(["900 B", "2.0 KB", "11.4 MB"]);
  });
  it("are what the device says", () => {
    expect(saidOf("firmware", { current_fw_title: "g", current_fw_version: "1.0", fw_state: "failed", fw_error: "crc" }, { fw_title: "g", fw_version: "2" }))
      .toEqual({ current: "g 1.0", target: "g 2", state: "FAILED", error: "crc" });
    expect(saidOf("software", { current_sw_version: 3, fw_state: "UPDATED" }, {})).toEqual({ current: "3", target: "", state: "", error: "" });
  });
});
