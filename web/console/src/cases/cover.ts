/** Rectangles on a picture, as parts of its sides. */
export interface Box { x: number; y: number; w: number; h: number }
/** Where a detector would cover: only a suggestion until a person takes it. */
export interface Hint extends Box { kind: "face" | "plate"; score: number }
interface Spot { x: number; y: number }

const inside = (value: number): number => Math.min(1, Math.max(0, value));
const STEP = 0.02, LEAST = 0.01;
const WAYS: Record<string, [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** The rectangle between two corners, within the picture. */
export function at(a: Spot, b: Spot): Box {
  const x = inside(Math.min(a.x, b.x)), y = inside(Math.min(a.y, b.y));
  return { x, y, w: inside(Math.max(a.x, b.x)) - x, h: inside(Math.max(a.y, b.y)) - y };
}

/** Where a key takes a rectangle: moved, sized with Shift, null when removed; undefined for other keys. */
export function moved(box: Box, key: string, size: boolean): Box | null | undefined {
  if (key === "Delete" || key === "Backspace") return null;
  const way = WAYS[key];
  if (!way) return undefined;
  const [dx, dy] = [way[0] * STEP, way[1] * STEP];
  if (size) return { ...box, w: Math.min(1 - box.x, Math.max(LEAST, box.w + dx)), h: Math.min(1 - box.y, Math.max(LEAST, box.h + dy)) };
  return { ...box, x: Math.min(1 - box.w, Math.max(0, box.x + dx)), y: Math.min(1 - box.h, Math.max(0, box.y + dy)) };
}
