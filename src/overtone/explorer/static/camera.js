// Where the maps of a run look: the panels of one run show the same part of its space.
import { signal } from "./lib.js";

const cameras = new Map();

/** The camera of a run's maps: of the overlaid one, or of those side by side, in one layout. */
export function cameraOf(run, overlaid = false, layout = "pca") {
  const key = `${run} ${overlaid} ${layout}`;
  if (!cameras.has(key)) cameras.set(key, new Camera());
  return cameras.get(key);
}

class Camera {
  constructor() {
    this.at = signal({ x: 0, y: 0, zoom: 0 }); // centre in the space's unit, and pixels per unit; zoom 0: not fitted yet
    this.moved = false; // as long as nobody has moved it, it is fitted again when panels change
    this.fitted = 1;
    this.wanted = null; // where to look as soon as it is known how large the map is
  }

  fit(box, width, height) {
    const [across, up] = [box.right - box.left || 1, box.top - box.bottom || 1];
    const zoom = 0.9 * Math.min(width / across, height / up);
    const [x, y, times] = this.wanted ?? [(box.left + box.right) / 2, (box.bottom + box.top) / 2, 1];
    this.fitted = zoom;
    this.moved = this.wanted !== null;
    this.wanted = null;
    this.at.value = { x, y, zoom: times * zoom };
  }

  /** Where it looks, however large the panel is: centre, and how much nearer than when all is in view; null for all. */
  get view() {
    const { x, y, zoom } = this.at.value;
    return this.moved ? [x, y, zoom / this.fitted] : this.wanted;
  }

  look(view) {
    if (!this.at.value.zoom) {
      this.wanted = view;
      return;
    }
    const [x, y, times] = view;
    this.moved = true;
    this.at.value = { x, y, zoom: times * this.fitted };
  }

  pan(dx, dy) {
    const { x, y, zoom } = this.at.value;
    this.moved = true;
    this.at.value = { x: x - dx / zoom, y: y + dy / zoom, zoom };
  }

  /** Zoom so that the place under (px, py) of a panel stays where it is. */
  zoomAt(factor, px, py, width, height) {
    const { x, y, zoom } = this.at.value;
    const next = Math.min(Math.max(zoom * factor, this.fitted / 20), this.fitted * 1e4);
    const [dx, dy] = [px - width / 2, height / 2 - py];
    this.moved = true;
    this.at.value = { x: x + dx / zoom - dx / next, y: y + dy / zoom - dy / next, zoom: next };
  }

  toSpace(px, py, width, height) {
    const { x, y, zoom } = this.at.value;
    return [x + (px - width / 2) / zoom, y + (height / 2 - py) / zoom];
  }

  toScreen(x, y, width, height) {
    const { zoom, ...centre } = this.at.value;
    return [width / 2 + (x - centre.x) * zoom, height / 2 - (y - centre.y) * zoom];
  }
}
