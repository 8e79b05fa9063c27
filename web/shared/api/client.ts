/** The one way to the service: /api/v1 with the session cookie, problem+json refusals, an Idempotency-Key on every write. */
import { clockSkew } from "../util/time";
import { locale } from "../i18n/index";
import { Problem, problemOf } from "./problem";

export type Query = Record<string, string | number | boolean | null | undefined | readonly (string | number)[]>;

export interface Page<T> {
  items: T[];
  next: string | null;
}

export interface Options {
  query?: Query;
  body?: unknown;
  signal?: AbortSignal;
  timeout?: number;
  /** Give the same key again to repeat a write that may have arrived; false for writes whose answer must not be kept (secrets). */
  key?: string | false;
}

export const BASE = "/api/v1";
/** Requests that no hand has caused for this long do not count against idle sign-out: an unattended screen ends its session. */
const HANDS_OFF = 120_000;
let lastHand = Date.now();
for (const act of ["pointerdown", "keydown", "wheel"]) globalThis.addEventListener?.(act, () => (lastHand = Date.now()), { passive: true, capture: true });

let onSignedOut: () => void = () => {};
/** How many times a session began or ended here: an answer asked for before the last time says nothing about this one. */
export let session = 0;

/** What to do when the service says that nobody is signed in. */
export function whenSignedOut(fn: () => void): void {
  onSignedOut = fn;
}

export function sessionChanged(): void {
  session += 1;
}

export function url(path: string, query: Query = {}): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === null || value === undefined || value === "" || value === false) continue;
    if (Array.isArray(value)) for (const one of value) params.append(name, String(one));
    else params.set(name, String(value));
  }
  const text = params.toString();
  return `${path.startsWith("/") ? BASE + path : path}${text ? `?${text}` : ""}`;
}

export function newKey(): string {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // http on a plain name has no randomUUID
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

function signalOf(options: Options): AbortSignal {
  const limit = AbortSignal.timeout(options.timeout ?? 20_000);
  return options.signal ? AbortSignal.any([options.signal, limit]) : limit;
}

async function refusal(response: Response): Promise<Problem> {
  const body = (await response.json().catch(() => ({}))) as Record<string, unknown>;
  return new Problem({
    status: response.status,
    type: String(body["type"] ?? ""),
    detail: String(body["detail"] ?? body["title"] ?? ""),
    errors: Array.isArray(body["errors"]) ? (body["errors"] as { field: string; reason: string }[]) : [],
    retryAfter: Number(response.headers.get("Retry-After") ?? 0),
    requestId: response.headers.get("X-Request-Id") ?? "",
  });
}

export async function raw(method: string, path: string, options: Options = {}): Promise<Response> {
  const headers: Record<string, string> = { Accept: "application/json", "Accept-Language": locale.value };
  let body: BodyInit | undefined;
  if (options.body instanceof FormData) body = options.body;
  else if (options.body !== undefined) {
    headers["Content-Type"] = "application/json";
    body = JSON.stringify(options.body);
  }
  if (method !== "GET" && options.key !== false) headers["Idempotency-Key"] = options.key ?? newKey();
  if (Date.now() - lastHand > HANDS_OFF) headers["X-Background"] = "1";
  const init: RequestInit = { method, headers, credentials: "same-origin", signal: signalOf(options) };
  if (body !== undefined) init.body = body;
  const asked = session;
  let response: Response;
  try {
    response = await fetch(url(path, options.query), init);
  } catch (error) {
    throw problemOf(error);
  }
  clockSkew(response.headers.get("Date"));
  if (!response.ok) {
    const problem = await refusal(response);
    if (problem.status === 401 && asked === session && !path.startsWith("/session")) onSignedOut();
    throw problem;
  }
  return response;
}

async function json<T>(method: string, path: string, options: Options = {}): Promise<T> {
  const response = await raw(method, path, options);
  if (response.status === 204 || response.headers.get("Content-Length") === "0") return undefined as T;
  return (await response.json()) as T;
}

export const api = {
  get: <T>(path: string, query: Query = {}, options: Options = {}) => json<T>("GET", path, { ...options, query }),
  post: <T = unknown>(path: string, body: unknown = {}, options: Options = {}) => json<T>("POST", path, { ...options, body }),
  put: <T = unknown>(path: string, body: unknown = {}, options: Options = {}) => json<T>("PUT", path, { ...options, body }),
  patch: <T = unknown>(path: string, body: unknown = {}, options: Options = {}) => json<T>("PATCH", path, { ...options, body }),
  delete: <T = unknown>(path: string, options: Options = {}) => json<T>("DELETE", path, options),
};
