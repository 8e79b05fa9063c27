/** Whether a photo will do, looked at before it goes out: blur, darkness, distance from the place. Limits are ours. */
import { metres } from "../geo";

export type Mark = "blur" | "dark" | "far";
export interface Grey {
  data: Uint8ClampedArray | number[];
  width: number;
  height: number;
}
export const SIDE = 512; // pictures are looked at in this size: the limits hold for it
export const BLUR_BELOW = 40, DARK_BELOW = 36, FAR_ABOVE = 200;

/** Variance of the Laplacian: small where no edge is sharp. */
export function sharpness({ data, width, height }: Grey): number {
  let sum = 0, squares = 0, count = 0;
  for (let y = 1; y < height - 1; y += 1) {
    for (let x = 1; x < width - 1; x += 1) {
      const at = y * width + x;
      const edge = 4 * data[at]! - data[at - 1]! - data[at + 1]! - data[at - width]! - data[at + width]!;
      sum += edge;
      squares += edge * edge;
      count += 1;
    }
  }
  return count ? squares / count - (sum / count) ** 2 : 0;
}

export function brightness({ data }: Grey): number {
  let sum = 0;
  for (const value of data) sum += value;
  return data.length ? sum / data.length : 0;
}

/** Whether the phone is surely farther than `FAR_ABOVE` metres away: its own error counts in its favour. */
export function isFar(
  here: { lon: number; lat: number; accuracy: number; at: number } | null, place: { lon: number; lat: number } | null, now = Date.now(),
): boolean {
  if (!here || !place || now - here.at > 5 * 60_000) return false;
  return metres(here, place) - here.accuracy > FAR_ABOVE;
}

/** A dark photo has no edges either: it is called dark, not blurred as well. */
export function judge(grey: Grey): Mark[] {
  if (brightness(grey) < DARK_BELOW) return ["dark"];
  return sharpness(grey) < BLUR_BELOW ? ["blur"] : [];
}

async function greyOf(file: Blob): Promise<Grey> {
  const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
  try {
    const scale = Math.min(1, SIDE / Math.max(picture.width, picture.height));
    const canvas = document.createElement("canvas");
    const width = (canvas.width = Math.max(1, Math.round(picture.width * scale)));
    const height = (canvas.height = Math.max(1, Math.round(picture.height * scale)));
    const pen = canvas.getContext("2d", { willReadFrequently: true })!;
    pen.drawImage(picture, 0, 0, width, height);
    const { data } = pen.getImageData(0, 0, width, height);
    const grey = new Uint8ClampedArray(width * height);
    for (let i = 0; i < grey.length; i += 1) grey[i] = 0.299 * data[4 * i]! + 0.587 * data[4 * i + 1]! + 0.114 * data[4 * i + 2]!;
    return { data: grey, width, height };
  } finally {
    picture.close();
  }
}

/** What is wrong with a photo. A file that is no picture has no marks: keeping it says so. */
export async function checkPhoto(file: Blob): Promise<Mark[]> {
  try {
    return judge(await greyOf(file));
  } catch {
    return [];
  }
}
