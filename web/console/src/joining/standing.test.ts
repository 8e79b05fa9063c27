import { describe, expect, it } from "vitest";
import zh from "../i18n/zh.json";
import { CERTIFICATE, CLAIM, pairs, REASONS, request, standingOf } from "./standing";

const words = zh as Record<string, string>;
const open = { enabled: true, ended_at: null, expires_at: null, used: 0, max_devices: 3 };
const now = Date.parse("2026-11-27T12:00:00Z");

describe("a profile", () => {
  it("lets devices in until something stands against it, the heaviest first", () => {
    expect(standingOf(open, now).state).toBe("on");
    expect(standingOf({ ...open, used: 3 }, now).state).toBe("full");
    expect(standingOf({ ...open, expires_at: "2026-11-27T12:00:00Z", used: 3 }, now).state).toBe("over");
    expect(standingOf({ ...open, expires_at: "2026-11-27T12:00:01Z" }, now).state).toBe("on");
    expect(standingOf({ ...open, enabled: false, used: 3 }, now).state).toBe("off");
    expect(standingOf({ ...open, enabled: false, ended_at: "2026-11-01T00:00:00Z" }, now).state).toBe("ended");
  });
  it("has a word for each standing, refusal, claim and certificate", () => {
    for (const one of ["on", "off", "over", "full", "ended"]) expect(words[`joining.is.${one}`]).toBeTruthy();
    for (const one of REASONS) expect([one, Boolean(words[`joinReason.${one}`])]).toEqual([one, true]);
    for (const one of Object.keys(CLAIM)) expect(words[`claimState.${one}`]).toBeTruthy();
    for (const one of Object.keys(CERTIFICATE)) expect(words[`certificateState.${one}`]).toBeTruthy();
  });
  it("gives the device what it sends", () => {
    expect(JSON.parse(request("k", "s"))).toMatchObject({ provisionDeviceKey: "k", provisionDeviceSecret: "s" });
  });
});

describe("a fingerprint", () => {
  it("stands in pairs", () => {
    expect(pairs("0aff10")).toBe("0A:FF:10");
    expect(pairs("")).toBe("");
  });
});
