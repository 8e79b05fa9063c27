/** Photos: made smaller than 300 KB before they are kept, so that a weak network can carry them. Drawing anew drops EXIF. */
import { db, newId } from "./db";

export const LIMIT = 300 * 1024;
const SIDES = [1600, 1280, 1024, 800, 640];
const QUALITIES = [0.82, 0.72, 0.6, 0.5];

function encode(canvas: HTMLCanvasElement, quality: number): Promise<Blob> {
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("no picture"))), "image/jpeg", quality),
  );
}

/** A JPEG of at most `limit` bytes. Throws when the file is no picture the phone can read. */
export async function shrink(file: Blob, limit = LIMIT): Promise<Blob> {
  const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
  try {
    for (const side of SIDES) {
      const scale = Math.min(1, side / Math.max(picture.width, picture.height));
      const canvas = document.createElement("canvas");
      canvas.width = Math.max(1, Math.round(picture.width * scale));
      canvas.height = Math.max(1, Math.round(picture.height * scale));
      canvas.getContext("2d")!.drawImage(picture, 0, 0, canvas.width, canvas.height);
      for (const quality of QUALITIES) {
        const blob = await encode(canvas, quality);
        if (blob.size <= limit) return blob;
      }
    }
    throw new Error("too large");
  } finally {
    picture.close();
  }
}

/** Keeps a photo on the phone; returns its id. */
export async function keepPhoto(account: string, file: Blob): Promise<string> {
  const blob = await shrink(file);
  const id = newId();
  await (await db()).put("photos", { id, account, blob: await blob.arrayBuffer(), type: blob.type, at: Date.now() });
  return id;
}

/** Keeps a recording as it is; returns its id. */
export async function keepSound(account: string, sound: Blob): Promise<string> {
  const id = newId();
  const type = sound.type.split(";")[0] || "audio/webm";
  await (await db()).put("photos", { id, account, blob: await sound.arrayBuffer(), type, at: Date.now() });
  return id;
}

export async function photoBlob(id: string): Promise<Blob | null> {
  const found = await (await db()).get("photos", id);
  return found ? new Blob([found.blob], { type: found.type }) : null;
}

export async function dropPhotos(ids: string[]): Promise<void> {
  const store = await db();
  await Promise.all(ids.map((id) => store.delete("photos", id)));
}
