/** Server-sent events read from a byte stream, so that comments (heartbeats), status codes and ids are seen. */
export interface StreamEvent {
  id: string;
  event: string;
  data: string;
}

/** Feed text in any cuts; complete events come out. A comment counts as a sign of life and gives nothing. */
export class EventParser {
  private rest = "";
  private id = "";
  private event = "";
  private data: string[] = [];

  push(text: string): StreamEvent[] {
    const found: StreamEvent[] = [];
    this.rest += text;
    let end: number;
    while ((end = this.rest.search(/\r\n|\n|\r(?!$)/)) >= 0) {
      const line = this.rest.slice(0, end);
      this.rest = this.rest.slice(end + (this.rest.startsWith("\r\n", end) ? 2 : 1));
      const event = this.line(line);
      if (event) found.push(event);
    }
    return found;
  }

  private line(line: string): StreamEvent | null {
    if (line === "") {
      const event = this.data.length || this.event ? { id: this.id, event: this.event || "message", data: this.data.join("\n") } : null;
      this.event = "";
      this.data = [];
      return event;
    }
    if (line.startsWith(":")) return null;
    const cut = line.indexOf(":");
    const name = cut < 0 ? line : line.slice(0, cut);
    const value = cut < 0 ? "" : line.slice(cut + 1).replace(/^ /, "");
    if (name === "id") this.id = value;
    else if (name === "event") this.event = value;
    else if (name === "data") this.data.push(value);
    return null;
  }
}
