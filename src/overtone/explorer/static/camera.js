// Where all maps look: one camera, so that panels side by side show the same part of the space.
import { signal } from "./lib.js";

/** Centre in the space's unit, and pixels per unit; zoom 0: not fitted yet. */
export const camera = signal({ x: 0, y: 0, zoom: 0 });

export function fit(box, width, height) {
  const [across, up] = [box.right - box.left || 1, box.top - box.bottom || 1];
  const zoom = 0.9 * Math.min(width / across, height / up);
  camera.value = { x: (box.left + box.right) / 2, y: (box.bottom + box.top) / 2, zoom };
}

export function pan(dx, dy) {
  const { x, y, zoom } = camera.value;
  camera.value = { x: x - dx / zoom, y: y + dy / zoom, zoom };
}

/** Zoom so that the place under (px, py) of a panel stays where it is. */
export function zoomAt(factor, px, py, width, height) {
  const { x, y, zoom } = camera.value;
  const next = Math.min(Math.max(zoom * factor, 1), 1e7);
  const [dx, dy] = [px - width / 2, height / 2 - py];
  camera.value = { x: x + dx / zoom - dx / next, y: y + dy / zoom - dy / next, zoom: next };
}

export function toSpace(px, py, width, height) {
  const { x, y, zoom } = camera.value;
  return [x + (px - width / 2) / zoom, y + (height / 2 - py) / zoom];
}

export function toScreen(x, y, width, height) {
  const at = camera.value;
  return [width / 2 + (x - at.x) * at.zoom, height / 2 - (y - at.y) * at.zoom];
}
