// Where the maps of a run look: the panels of one run show the same part of its space.
import { signal } from "./lib.js";

const cameras = [];

/** The camera of a run's maps: of the overlaid one, or of those side by side. */
export function cameraOf(run, overlaid = false) {
  return (cameras[2 * run + Number(overlaid)] ??= new Camera());
}

class Camera {
  constructor() {
    this.at = signal({ x: 0, y: 0, zoom: 0 }); // centre in the space's unit, and pixels per unit; zoom 0: not fitted yet
    this.moved = false; // as long as nobody has moved it, it is fitted again when panels change
    this.fitted = 1;
  }

  fit(box, width, height) {
    const [across, up] = [box.right - box.left || 1, box.top - box.bottom || 1];
    const zoom = 0.9 * Math.min(width / across, height / up);
    this.moved = false;
    this.fitted = zoom;
    this.at.value = { x: (box.left + box.right) / 2, y: (box.bottom + box.top) / 2, zoom };
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
