import { afterEach, describe, expect, it, vi } from "vitest";
import { openSince, standing, stood } from "./useReplay";

const HOUR = 3_600_000, now = Date.parse("2026-11-25T12:00:00Z");
const iso = (hours: number) => new Date(now + hours * HOUR).toISOString();

describe("the replay", () => {
  afterEach(() => void vi.unstubAllGlobals());
  it("holds the cases that are open and those closed since, however old", async () => {
    const old = { id: "old", created_at: iso(-50), closed_at: iso(-5) }, open = { id: "open", created_at: iso(-2), closed_at: null };
    const asked: URLSearchParams[] = [];
    vi.stubGlobal("fetch", async (path: string) => {
      const query = new URL(path, "http://district").searchParams;
      asked.push(query);
      return new Response(JSON.stringify({ items: query.get("closed_from") === iso(-24) ? [old] : query.get("open") ? [open] : [], next: null }));
    });
    const found = await openSince(iso(-24), "");
    expect(found.map((one) => one.id).sort()).toEqual(["old", "open"]);
    expect(found.filter((one) => standing(one.created_at, one.closed_at, now - 10 * HOUR)).map((one) => one.id)).toEqual(["old"]);
    expect(asked.every((query) => !query.has("created_from"))).toBe(true);
  });
  it("draws a case as it stood then, by its handling limit", () => {
    const it = { urgent: false, due_at: null, handle_due_at: iso(-3), finished_at: iso(-1) };
    expect([-8, -4, -2, -0.5].map((hours) => stood(it, now + hours * HOUR))).toEqual(["fine", "soon", "urgent", "fine"]);
    expect(stood({ ...it, urgent: true }, now - 8 * HOUR)).toBe("urgent");
  });
});
