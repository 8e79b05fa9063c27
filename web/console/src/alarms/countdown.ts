/** How long until somebody is told, in words. */
import { millis, span } from "@shared/util/time";
import type { NextStep } from "../data/types";
import { t } from "../i18n/index";

/** `to` leads over to the name of whoever that is. */
export function left(step: NextStep, now: number, to = false): string {
  const gap = millis(step.at) - now;
  if (gap <= 0) return t(to ? "whose.now" : "whose.leftNow");
  if (gap < 60_000) return t(to ? "whose.underMinute" : "whose.leftUnder");
  return t(to ? "whose.in" : "whose.left", { time: span(gap) });
}
