// What is drawn over the points: rings, the line between the halves of a clip, and the lasso.
import { styleValue } from "./lib.js";
import { modalityColour } from "./palette.js";
import { clipRow, hovered } from "./state.js";

/** Rings around the clip that is open and the one that is pointed at, the line between their halves, and the lasso. */
export function drawMarks(canvas, camera, state, sides) {
  const ratio = devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  Object.assign(canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  const [ink, ground] = [styleValue("--ink"), styleValue("--raised")];
  for (const [row, radius, weight] of [[clipRow.value, 10, 3], [hovered.value, 8, 2]]) {
    if (row < 0) continue;
    const ends = state.grids.map(({ places }) => camera.toScreen(places[2 * row], places[2 * row + 1], width, height));
    pen.strokeStyle = ink;
    pen.lineWidth = weight;
    if (ends.length > 1 && ends.flat().every(Number.isFinite)) {
      pen.beginPath();
      pen.moveTo(...ends[0]);
      pen.lineTo(...ends[1]);
      pen.stroke();
    }
    ends.forEach(([x, y], at) => {
      if (!Number.isFinite(x)) return;
      pen.beginPath();
      pen.arc(x, y, radius, 0, 7);
      pen.lineWidth = weight + 2.5;
      pen.strokeStyle = ground;
      pen.stroke();
      pen.lineWidth = weight;
      pen.strokeStyle = sides.length > 1 ? `rgb(${modalityColour(sides[at]).join(" ")})` : ink;
      pen.stroke();
    });
  }
  if (state.path) {
    pen.beginPath();
    state.path.forEach(([x, y], at) => (at ? pen.lineTo(x, y) : pen.moveTo(x, y)));
    pen.closePath();
    pen.globalAlpha = 0.12;
    pen.fillStyle = ink;
    pen.fill();
    pen.globalAlpha = 1;
    pen.setLineDash([5, 4]);
    pen.lineWidth = 1.5;
    pen.strokeStyle = ink;
    pen.stroke();
  }
}
