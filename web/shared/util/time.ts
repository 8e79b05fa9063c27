/** Times as people read them: in the district's zone, against the server's clock. */
import { onScopeDispose, ref, type Ref } from "vue";
import { locale, t, type Locale } from "../i18n/index";

let zone = "Asia/Shanghai";
let skew = 0;
const MINUTE = 60_000, HOUR = 3_600_000, DAY = 86_400_000;

export function setZone(name: string): void {
  zone = name;
}

/** Takes the Date header of an answer. Its grain is a second; small differences are noise. */
export function clockSkew(header: string | null): void {
  if (!header) return;
  const found = Date.parse(header) - Date.now();
  if (Number.isFinite(found)) skew = Math.abs(found) < 2_500 ? 0 : found;
}

export function serverNow(): number {
  return Date.now() + skew;
}

const formats = new Map<string, Intl.DateTimeFormat>();
function format(kind: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${kind}|${locale.value}|${zone}`;
  let found = formats.get(key);
  if (!found) {
    found = new Intl.DateTimeFormat(locale.value === "en" ? "en-GB" : "zh-CN", { timeZone: zone, hourCycle: "h23", ...options });
    formats.set(key, found);
  }
  return found;
}

export type When = string | number | Date | null | undefined;

export function millis(when: When): number {
  return when === null || when === undefined ? NaN : when instanceof Date ? when.getTime() : typeof when === "number" ? when : Date.parse(when);
}

export function clock(when: When, seconds = false): string {
  const at = millis(when);
  if (!Number.isFinite(at)) return "";
  return seconds
    ? format("clock-s", { hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(at)
    : format("clock", { hour: "2-digit", minute: "2-digit" }).format(at);
}

function dayOf(at: number): string {
  return new Intl.DateTimeFormat("en-CA", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit" }).format(at);
}

/** `2026-11-23 14:03`, the same in both languages so that columns line up. */
export function stamp(when: When): string {
  const at = millis(when);
  return Number.isFinite(at) ? `${dayOf(at)} ${clock(at)}` : "";
}

export function day(when: When): string {
  const at = millis(when);
  return Number.isFinite(at) ? dayOf(at) : "";
}

/** Short: `14:03` today, `昨天 14:03`, else the date. */
export function short(when: When, now = serverNow()): string {
  const at = millis(when);
  if (!Number.isFinite(at)) return "";
  const that = dayOf(at);
  if (that === dayOf(now)) return clock(at);
  if (that === dayOf(now - DAY)) return t("time.yesterday", { time: clock(at) });
  return that.slice(0, 4) === dayOf(now).slice(0, 4) ? `${that.slice(5)} ${clock(at)}` : that;
}

/** `12 分钟前`, `2 小时后`. */
export function relative(when: When, now = serverNow()): string {
  const at = millis(when);
  if (!Number.isFinite(at)) return "";
  const gap = Math.abs(now - at), past = at <= now;
  if (gap < MINUTE) return t("time.now");
  if (gap < HOUR) return t(past ? "time.minutesAgo" : "time.inMinutes", { n: Math.floor(gap / MINUTE) });
  if (gap < DAY) return t(past ? "time.hoursAgo" : "time.inHours", { n: Math.floor(gap / HOUR) });
  return t(past ? "time.daysAgo" : "time.inDays", { n: Math.floor(gap / DAY) });
}

/** A length of time in at most two units. */
export function span(ms: number): string {
  const gap = Math.max(0, Math.abs(ms));
  if (gap < HOUR) return t("time.minutes", { n: Math.floor(gap / MINUTE) });
  if (gap < DAY) {
    const m = Math.floor((gap % HOUR) / MINUTE);
    return t(m ? "time.hoursMinutes" : "time.hours", { n: Math.floor(gap / HOUR), m });
  }
  const m = Math.floor((gap % DAY) / HOUR);
  return t(m ? "time.daysHours" : "time.days", { n: Math.floor(gap / DAY), m });
}

/** What is left until a deadline: `剩 18 分` or `超 2 小时`. */
export function left(due: When, now = serverNow()): string {
  const at = millis(due);
  if (!Number.isFinite(at)) return "";
  return t(at >= now ? "time.left" : "time.over", { span: span(at - now) });
}

/** The value of a local input (`datetime-local`, read in the district's zone) as ISO with offset. */
export function fromLocal(text: string, language: Locale = locale.value): string {
  void language;
  if (!text) return "";
  const guess = Date.parse(`${text}Z`);
  return new Date(guess - offset(guess)).toISOString();
}

export function toLocal(when: When): string {
  const at = millis(when);
  return Number.isFinite(at) ? new Date(at + offset(at)).toISOString().slice(0, 16) : "";
}

function offset(at: number): number {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric",
  }).formatToParts(at);
  const get = (type: string) => Number(parts.find((p) => p.type === type)?.value);
  return Date.UTC(get("year"), get("month") - 1, get("day"), get("hour"), get("minute"), get("second")) - Math.floor(at / 1000) * 1000;
}

const shared = ref(serverNow());
let users = 0, timer: ReturnType<typeof setInterval> | undefined;

/** The time, renewed every few seconds while a component looks at it; one timer for all. */
export function useNow(): Ref<number> {
  users += 1;
  shared.value = serverNow();
  timer ??= setInterval(() => (shared.value = serverNow()), 5_000);
  onScopeDispose(() => {
    users -= 1;
    if (!users) {
      clearInterval(timer);
      timer = undefined;
    }
  });
  return shared;
}
