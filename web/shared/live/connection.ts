/** One connection to /live/events: resumes after the last event seen, notices silence, backs off, reports its state. */
import { EventParser, type StreamEvent } from "./sse";

export type LinkState = "connecting" | "open" | "lost" | "denied";
export interface Link {
  state: LinkState;
  /** When the last byte arrived (ms of this machine); what is on screen is true as of then. */
  seen: number;
}
export interface Listener {
  event: (event: StreamEvent) => void;
  link: (link: Link) => void;
}

const SILENCE = 25_000, FIRST = 500, LONGEST = 15_000;

export class Connection {
  private last = "";
  private stopped = false;
  private abort: AbortController | null = null;
  private wait = FIRST;
  private link: Link = { state: "connecting", seen: 0 };
  private moving = false;
  private watchdog: ReturnType<typeof setTimeout> | undefined;

  constructor(private path: string, private readonly listener: Listener, private readonly fetcher: typeof fetch = (...a) => fetch(...a)) {}

  start(): void {
    this.stopped = false;
    void this.run();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.watchdog);
    this.abort?.abort();
  }

  /** Try at once (the network is back, or someone signed in). */
  kick(): void {
    this.wait = FIRST;
    if (this.link.state === "denied") this.start();
  }

  /** Ask for something else from now on; nothing in between is missed. */
  retarget(path: string): void {
    if (path === this.path) return;
    this.path = path;
    this.moving = true;
    this.abort?.abort();
  }

  get current(): Link {
    return this.link;
  }

  private say(state: LinkState): void {
    this.link = { state, seen: this.link.seen };
    this.listener.link(this.link);
  }

  private alive(): void {
    this.link.seen = Date.now();
    clearTimeout(this.watchdog);
    this.watchdog = setTimeout(() => this.abort?.abort(), SILENCE);
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      try {
        await this.once();
      } catch {
        // a broken stream and a refused connection are the same to a listener: lost, and tried again
      }
      clearTimeout(this.watchdog);
      if (this.stopped || this.link.state === "denied") return;
      if (this.moving) {
        this.moving = false;
        continue;
      }
      this.say("lost");
      await new Promise((done) => setTimeout(done, this.wait * (0.75 + Math.random() / 2)));
      this.wait = Math.min(LONGEST, this.wait * 2);
    }
  }

  private async once(): Promise<void> {
    this.abort = new AbortController();
    const headers: Record<string, string> = { Accept: "text/event-stream" };
    if (this.last) headers["Last-Event-ID"] = this.last;
    this.watchdog = setTimeout(() => this.abort?.abort(), SILENCE);
    const response = await this.fetcher(this.path, { headers, credentials: "same-origin", cache: "no-store", signal: this.abort.signal });
    if (response.status === 401 || response.status === 403) return this.say("denied");
    if (!response.ok || !response.body) throw new Error(`live ${response.status}`);
    this.alive();
    this.say("open");
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const parser = new EventParser();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      this.alive();
      this.wait = FIRST;
      for (const event of parser.push(value)) {
        if (event.id) this.last = event.id;
        this.listener.event(event);
      }
    }
  }
}
