/** A file on its way to the service: its checksum, and how much has gone. */
import { url } from "@shared/api/client";
import { Problem } from "@shared/api/problem";
import { locale } from "@shared/i18n/index";

/** SHA-256 in hex; empty where the page may not count it (plain http under another name than localhost). */
export async function sha256(file: Blob): Promise<string> {
  if (!globalThis.crypto?.subtle) return "";
  const found = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  return Array.from(new Uint8Array(found), (b) => b.toString(16).padStart(2, "0")).join("");
}

/** Sends a form; `went` hears shares from 0 to 1. Refusals come as a Problem; so does a cut through `signal` (type aborted). */
export function send<T>(path: string, form: FormData, key: string, went: (share: number) => void, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const ask = new XMLHttpRequest();
    const lost = (type: string) => () => reject(new Problem({ status: 0, type }));
    ask.open("POST", url(path));
    ask.responseType = "json";
    ask.timeout = 300_000;
    ask.setRequestHeader("Accept", "application/json");
    ask.setRequestHeader("Accept-Language", locale.value);
    ask.setRequestHeader("Idempotency-Key", key);
    ask.upload.onprogress = (event) => event.lengthComputable && went(event.loaded / event.total);
    ask.onerror = lost("");
    ask.ontimeout = lost("timeout");
    ask.onabort = lost("aborted");
    ask.onload = () => {
      const body = (ask.response ?? {}) as Record<string, unknown>;
      if (ask.status < 300) return resolve(body as T);
      reject(new Problem({
        status: ask.status, type: String(body["type"] ?? ""), detail: String(body["detail"] ?? body["title"] ?? ""),
        errors: Array.isArray(body["errors"]) ? (body["errors"] as { field: string; reason: string }[]) : [], requestId: ask.getResponseHeader("X-Request-Id") ?? "",
      }));
    };
    signal.addEventListener("abort", () => ask.abort());
    ask.send(form);
  });
}
