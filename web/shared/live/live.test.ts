import { describe, expect, it, vi } from "vitest";
import { Connection, type Link } from "./connection";
import { dispatch } from "./index";
import { EventParser, type StreamEvent } from "./sse";

describe("the event parser", () => {
  it("puts events together whatever the cuts", () => {
    const text = ": hello\r\n\r\nid: 7-1\nevent: case.changed\ndata: {\"a\":1}\n\nid:7-2\ndata: x\ndata: y\n\n";
    for (let size = 1; size < text.length; size++) {
      const parser = new EventParser();
      const found: StreamEvent[] = [];
      for (let at = 0; at < text.length; at += size) found.push(...parser.push(text.slice(at, at + size)));
      expect(found).toEqual([
        { id: "7-1", event: "case.changed", data: '{"a":1}' },
        { id: "7-2", event: "message", data: "x\ny" },
      ]);
    }
  });
});

function answer(text: string, status = 200): Response {
  return new Response(text, { status, headers: { "Content-Type": "text/event-stream" } });
}

describe("the connection", () => {
  it("resumes after the last event it saw, and says when it was lost", async () => {
    const asked: (string | null)[] = [], links: string[] = [], events: string[] = [];
    let call = 0;
    const fetcher = vi.fn(async (_: unknown, init?: RequestInit) => {
      asked.push(new Headers(init?.headers).get("Last-Event-ID"));
      call += 1;
      if (call === 1) return answer("id: 9-41\ndata: one\n\n");
      if (call === 2) throw new TypeError("no network");
      return answer("", 401);
    });
    const connection = new Connection("/live/events", {
      event: (e) => events.push(e.data),
      link: (l: Link) => links.push(l.state),
    }, fetcher as never);
    connection.start();
    await vi.waitFor(() => expect(connection.current.state).toBe("denied"), { timeout: 5000 });
    expect(asked).toEqual([null, "9-41", "9-41"]);
    expect(events).toEqual(["one"]);
    expect(links).toEqual(["open", "lost", "lost", "denied"]);
  });
});

describe("dispatch", () => {
  it("drops what is not JSON without harm", () => {
    expect(() => dispatch({ id: "", event: "message", data: "{" })).not.toThrow();
  });
});
