/** Marks on the map: the same shapes as in lists, drawn once per theme. */
import type { MapLibre } from "@shared/map/base";
import { token } from "@shared/util/theme";
import type { Status } from "@shared/util/status";

const SIZE = 44; // drawn at twice the size shown
type Shape = (c: CanvasRenderingContext2D) => void;

const SHAPES: Record<Status, Shape> = {
  urgent: (c) => polygon(c, [[22, 6], [40, 38], [4, 38]]),
  soon: (c) => polygon(c, [[22, 4], [40, 22], [22, 40], [4, 22]]),
  fine: (c) => circle(c, 14),
  paused: (c) => {
    c.beginPath();
    c.rect(10, 8, 9, 28);
    c.rect(25, 8, 9, 28);
  },
  info: (c) => circle(c, 12),
};

function polygon(c: CanvasRenderingContext2D, points: [number, number][]): void {
  c.beginPath();
  points.forEach(([x, y], i) => (i ? c.lineTo(x, y) : c.moveTo(x, y)));
  c.closePath();
}

function circle(c: CanvasRenderingContext2D, radius: number): void {
  c.beginPath();
  c.arc(22, 22, radius, 0, Math.PI * 2);
}

function draw(paint: Shape, fill: string, edge: string, hollow = false): ImageData {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIZE;
  const c = canvas.getContext("2d")!;
  c.lineJoin = "round";
  paint(c);
  c.lineWidth = 7;
  c.strokeStyle = edge;
  c.stroke();
  if (hollow) {
    c.lineWidth = 4;
    c.strokeStyle = fill;
    c.fillStyle = edge;
    c.fill();
    c.stroke();
  } else {
    c.fillStyle = fill;
    c.fill();
  }
  return c.getImageData(0, 0, SIZE, SIZE);
}

const person: Shape = (c) => {
  c.beginPath();
  c.arc(22, 14, 7, 0, Math.PI * 2);
  c.moveTo(8, 38);
  c.arc(22, 38, 14, Math.PI, 0);
  c.closePath();
};
const square: Shape = (c) => {
  c.beginPath();
  c.rect(12, 12, 20, 20);
};

/** (Re)draws all marks in the colours of the theme. */
export function addMarks(map: MapLibre): void {
  const edge = token("panel");
  const put = (name: string, image: ImageData) => {
    if (map.hasImage(name)) map.removeImage(name);
    map.addImage(name, image, { pixelRatio: 2 });
  };
  for (const status of Object.keys(SHAPES) as Status[]) put(`case-${status}`, draw(SHAPES[status], token(status), edge, status === "info"));
  put("member", draw(person, token("info"), edge));
  put("device-fine", draw(square, token("soft"), edge));
  put("device-silent", draw(square, token("soft"), edge, true));
  put("device-urgent", draw(square, token("urgent"), edge));
  put("device-soon", draw(square, token("soon"), edge));
}
