/** Refusals of the service (RFC 9457) as something a form can show. */
import { locale, t, word } from "../i18n/index";

export interface FieldProblem {
  field: string;
  reason: string;
}

/** A sentence of the service if it is in the language of the page: it comes in that of the request, or in English. */
function here(text: string): string {
  return /[\u4e00-\u9fff]/.test(text) === (locale.value !== "en") ? text : "";
}

export class Problem extends Error {
  readonly status: number;
  readonly type: string;
  readonly errors: FieldProblem[];
  readonly retryAfter: number;
  readonly requestId: string;

  constructor(given: {
    status: number; type?: string; detail?: string; errors?: FieldProblem[]; retryAfter?: number; requestId?: string;
  }) {
    super(given.detail ?? "");
    this.name = "Problem";
    this.status = given.status;
    this.type = given.type ?? "";
    this.errors = given.errors ?? [];
    this.retryAfter = given.retryAfter ?? 0;
    this.requestId = given.requestId ?? "";
  }

  /** Nothing reached the service, or no answer came back: the write may be sent again with the same key. */
  get unreachable(): boolean {
    return this.status === 0 || this.status === 502 || this.status === 504;
  }

  /** What to show: a sentence that says what to do next. */
  get words(): string {
    if (this.type === "timeout") return t("error.timeout");
    if (this.unreachable) return t("error.network");
    if (this.status === 429) return t("error.429", { seconds: this.retryAfter || 60 });
    if (this.status === 422) {
      const loose = this.errors.map((e) => [word("field", e.field), here(e.reason)].filter(Boolean).join(": ")).filter(Boolean);
      return [t("error.422"), [...new Set(loose)].join("; ") || here(this.message)].filter(Boolean).join(" ");
    }
    const code = this.type.replace("urn:linli:problem:", "");
    const told = code && word("problem", code);
    if (told && told !== code) return told;
    if ((this.status === 409 || this.status === 403) && here(this.message)) return this.message;
    const known = ["401", "403", "404", "409", "413", "503"] as const;
    const found = known.find((k) => k === String(this.status));
    if (found) return t(`error.${found}`);
    return this.message || t("error.other", { status: this.status, id: this.requestId });
  }

  /** The refusal of one field, by its last or whole dotted name. */
  reason(field: string): string {
    return this.errors.find((e) => e.field === field || e.field.endsWith(`.${field}`))?.reason ?? "";
  }
}

export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof DOMException && error.name === "AbortError") return new Problem({ status: 0, type: "aborted" });
  if (error instanceof DOMException && error.name === "TimeoutError") return new Problem({ status: 0, type: "timeout" });
  return new Problem({ status: 0, detail: error instanceof Error ? error.message : String(error) });
}
