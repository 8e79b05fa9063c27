/** How long until somebody is told, in words that lead over to whoever that is. */
import { describe, expect, it } from "vitest";
import { left } from "./countdown";

const step = (at: number) => ({ policy: "urgent", until: "acknowledged", to: "duty_lead", name: { zh: "值班长", en: "Duty lead" }, at: new Date(at).toISOString(), after_min: 5, raises: false });

describe("the next step", () => {
  const now = Date.parse("2026-11-27T06:30:00Z");
  it("counts minutes, then says that it is near, then that it is due", () => {
    expect(left(step(now + 5 * 60_000), now)).toBe("还有 5 分");
    expect(left(step(now + 59_000), now)).toBe("不到一分钟");
    expect(left(step(now - 1), now)).toBe("即刻");
  });
  it("leads over to a name", () => {
    expect(left(step(now + 90 * 60_000), now, true)).toBe("1 小时 30 分后升级至");
    expect(left(step(now), now, true)).toBe("即将升级至");
  });
});
