// What is drawn over the points: rings, the line between the halves of a clip, and the lasso. It is SVG, so that a ring
// that moves repaints no more than its own place.
import { clipRow, hovered } from "./state.js";

const SVG = "http://www.w3.org/2000/svg";

function element(name, kind) {
  const made = document.createElementNS(SVG, name);
  made.setAttribute("class", kind);
  return made;
}

function place(shape, values) {
  for (const [name, value] of Object.entries(values)) shape.setAttribute(name, value);
}

/** The shapes of one panel: sides are the modalities that it shows. */
export class Marks {
  constructor(svg, sides) {
    this.rings = [["open", 10], ["pointed", 8]].map(([kind, radius]) => {
      const line = sides.length > 1 ? svg.appendChild(element("line", `mark ${kind}`)) : null;
      const circles = sides.map((side) => {
        const own = sides.length > 1 ? `side-${side}` : "";
        const pair = ["halo", "mark"].map((layer) => svg.appendChild(element("circle", `${layer} ${kind} ${own}`)));
        for (const circle of pair) circle.setAttribute("r", radius);
        return pair;
      });
      return { line, circles };
    });
    this.lasso = svg.appendChild(element("polygon", "lasso-path"));
  }

  /** Puts everything where it belongs: grids hold the places of the clips, path the lasso. */
  draw(camera, grids, path, width, height) {
    [clipRow.value, hovered.value].forEach((row, at) => {
      const { line, circles } = this.rings[at];
      const ends = grids.map(({ places }) => (row < 0 ? [NaN, NaN] : camera.toScreen(places[2 * row], places[2 * row + 1], width, height)));
      circles.forEach((pair, side) => {
        const [x, y] = ends[side] ?? [NaN, NaN];
        for (const circle of pair) {
          circle.style.display = Number.isFinite(x) ? "" : "none";
          if (Number.isFinite(x)) place(circle, { cx: x, cy: y });
        }
      });
      if (!line) return;
      const whole = ends.length > 1 && ends.flat().every(Number.isFinite);
      line.style.display = whole ? "" : "none";
      if (whole) place(line, { x1: ends[0][0], y1: ends[0][1], x2: ends[1][0], y2: ends[1][1] });
    });
    this.lasso.style.display = path ? "" : "none";
    if (path) this.lasso.setAttribute("points", path.map((point) => point.join(",")).join(" "));
  }
}
