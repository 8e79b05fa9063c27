/** Drafts of reports: kept on the phone's disk by account; a shared or pasted message makes one. */
import { answerSteps, formsFor } from "./classForms";
import { blankDraft, db, filesOf, type Draft, type Step } from "./offline/db";
import { placeIn } from "./offline/message";
import { dropPhotos, keepPhoto } from "./offline/photos";
import { t } from "./words";

const SHARED = "linli-shared"; // where the service worker puts what another app shares, see sw.js
const SHARED_FOR = 3600_000;

export async function saveDraft(draft: Draft): Promise<void> {
  await (await db()).put("drafts", JSON.parse(JSON.stringify({ ...draft, updated: Date.now() })) as Draft);
}

/** This member's drafts, newest first. */
export async function draftsOf(account: string): Promise<Draft[]> {
  const all = await (await db()).getAllFromIndex("drafts", "account", account);
  return all.map((one) => ({ ...blankDraft(account), ...one })).sort((a, b) => b.updated - a.updated);
}

/** Takes a draft out; its photos stay when the outbox has them now. */
export async function dropDraft(draft: Draft, files: "files too" | "files stay"): Promise<void> {
  await (await db()).delete("drafts", draft.id);
  if (files === "files too") await dropPhotos(filesOf(draft));
}

/** What a message says, in a draft: its words, and the place it names. */
export function readMessage(draft: Draft, text: string): void {
  const found = placeIn(text);
  draft.text = text.trim().slice(0, 1000);
  draft.shared = true;
  if (found.unitCode) draft.unitCode = found.unitCode;
  if (found.place) draft.place = { ...found.place, source: "message" };
}

/** A message gave coordinates and did not say whose: somebody is to look at the pin. */
export function pinDoubtful({ place, unitCode }: Draft): boolean {
  return place?.source === "message" && !place.said?.datum && !unitCode.trim();
}

/** What other apps shared with this one becomes drafts of the member who is signed in; an hour later it is dropped. */
export async function takeShared(account: string): Promise<number> {
  if (!("caches" in globalThis)) return 0;
  const store = await caches.open(SHARED);
  const keys = await store.keys();
  let count = 0;
  for (const key of keys.filter((one) => one.url.endsWith("/text"))) {
    const lead = key.url.slice(0, -"text".length), born = Number(/shared\/(\d+)-/.exec(key.url)?.[1] ?? 0);
    const parts = keys.filter((one) => one.url.startsWith(`${lead}photo-`));
    if (Date.now() - born < SHARED_FOR) {
      const draft = blankDraft(account);
      readMessage(draft, (await (await store.match(key))?.text()) ?? "");
      for (const part of parts) {
        const blob = await (await store.match(part))?.blob();
        const id = blob ? await keepPhoto(account, blob).catch(() => "") : "";
        if (id) draft.photos.push(id);
      }
      if (draft.text || draft.photos.length) await saveDraft(draft);
      count += 1;
    }
    await Promise.all([key, ...parts].map((one) => store.delete(one)));
  }
  return count;
}

/** The requests that a draft becomes, in their order. The case's id is the draft's. */
export function stepsOf(draft: Draft): Step[] {
  const unit = draft.unitCode.trim();
  const place = unit ? { unit_code: unit } : { lon: draft.place!.lon, lat: draft.place!.lat };
  const steps: Step[] = [{
    method: "POST", path: "/cases",
    body: {
      id: draft.id, kind: "problem", channel: "patrol", text: draft.text.trim() || t("nav.report"), urgent: draft.urgent,
      ...(draft.classCode ? { class_code: draft.classCode } : {}), ...place,
    },
  }];
  const photos = [...draft.photos.map((id) => ({ id, stage: "report" })), ...(draft.settled ? draft.after : []).map((id) => ({ id, stage: "after" }))];
  for (const { id, stage } of photos) {
    steps.push({ method: "POST", path: "/cases/{0.id}/photos", photo: { id, field: "file", fields: { stage } } });
    const marks = draft.marks[id];
    if (marks?.length) steps.push({ method: "PUT", path: `/photo-marks/{${steps.length - 1}.id}`, body: { case_id: draft.id, marks } });
  }
  if (draft.voice) {
    const { id, seconds } = draft.voice;
    steps.push({ method: "POST", path: `/cases/{0.id}/voice-notes/${id}`, photo: { id, field: "voice", fields: { seconds: String(seconds) } } });
  }
  if (draft.settled) steps.push({ method: "POST", path: "/cases/{0.id}/actions/self_handle", body: { note: draft.done.trim() || draft.text.trim() || t("report.settled") } });
  const forms = [...formsFor(draft.classCode, "report"), ...(draft.settled ? formsFor(draft.classCode, "finish") : [])];
  return [...steps, ...answerSteps(forms, draft.answers, "/cases/{0.id}")]; // last: whatever becomes of them, the case is there
}
