/** Shared by all windows of the browser: holds the one connection and passes events on. */
import { Connection, type Link } from "./connection";

declare const self: EventTarget;
const ports = new Set<MessagePort>();
const wishes = new Map<MessagePort, string>();
let connection: Connection | null = null;

function tell(message: unknown): void {
  for (const port of ports) port.postMessage(message);
}

function open(path: string): Connection {
  connection ??= new Connection(path, {
    event: (event) => tell({ event }),
    link: (link: Link) => tell({ link }),
  });
  return connection;
}

/** The connection asks for what the most demanding window wants. */
function widest(): string | undefined {
  return [...wishes.values()].sort((a, b) => b.length - a.length)[0];
}

self.addEventListener("connect", (raw) => {
  const port = (raw as MessageEvent).ports[0]!;
  port.addEventListener("message", (message: MessageEvent<{ open?: string; bye?: boolean; kick?: boolean }>) => {
    if (message.data.open) {
      wishes.set(port, message.data.open);
      const fresh = connection === null;
      const held = open(message.data.open);
      ports.add(port);
      if (fresh) held.start();
      else if (held.current.state === "denied") held.kick();
      held.retarget(widest()!);
      port.postMessage({ link: held.current });
    }
    if (message.data.kick) connection?.kick();
    if (message.data.bye) {
      ports.delete(port);
      wishes.delete(port);
      if (!ports.size) {
        connection?.stop();
        connection = null;
      }
    }
  });
  port.start();
});
