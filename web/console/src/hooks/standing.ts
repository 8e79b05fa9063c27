/** How a webhook stands, as a shape and a word. */
import type { Status } from "@shared/util/status";
import type { Key } from "../i18n/index";
import type { Hook } from "./types";

export function standingOf(hook: Hook): { status: Status; key: Key } {
  if (hook.stopped_at) return { status: "urgent", key: "hooks.stopped" };
  if (!hook.enabled) return { status: "paused", key: "hooks.off" };
  if (hook.failing_since) return { status: "urgent", key: "hooks.failing" };
  if (hook.given_up) return { status: "soon", key: "hooks.someGivenUp" };
  return hook.last_success_at ? { status: "fine", key: "hooks.well" } : { status: "info", key: "hooks.unused" };
}
