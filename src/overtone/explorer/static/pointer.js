// Pointers on a map: drag to move, wheel and two fingers to zoom, a lasso to choose, a click to open.
import { tool } from "./state.js";

const CLICK = 4; // pixels that a click may move

/** Listens on an element and moves a camera; calls hover(x, y), leave(), click(x, y, event), lasso(polygon, event) and draw(path). */
export function listen(element, camera, calls) {
  const down = new Map();
  let path = null;
  let moved = 0;
  let spread = 0;

  const local = (event) => {
    const box = element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const size = () => [element.clientWidth, element.clientHeight];
  const distance = ([a, b]) => Math.hypot(a[0] - b[0], a[1] - b[1]);

  element.addEventListener("pointerdown", (event) => {
    element.setPointerCapture(event.pointerId);
    down.set(event.pointerId, local(event));
    moved = 0;
    if (down.size === 1 && event.button === 0 && (tool.value === "lasso" || event.shiftKey)) path = [local(event)];
    if (down.size === 2) {
      path = null;
      calls.draw(null);
      spread = distance([...down.values()]);
    }
  });

  element.addEventListener("pointermove", (event) => {
    const here = local(event);
    const before = down.get(event.pointerId);
    if (!before) {
      calls.hover(...here);
      return;
    }
    const [dx, dy] = [here[0] - before[0], here[1] - before[1]];
    moved += Math.abs(dx) + Math.abs(dy);
    down.set(event.pointerId, here);
    if (down.size === 2) {
      const now = distance([...down.values()]);
      if (spread > 0) camera.zoomAt(now / spread, ...here, ...size());
      spread = now;
    } else if (path) {
      path.push(here);
      calls.draw(path);
    } else if (moved > CLICK) {
      camera.pan(dx, dy);
    }
  });

  const up = (event) => {
    if (!down.delete(event.pointerId)) return;
    const polygon = path;
    path = null;
    if (polygon) calls.draw(null);
    if (event.type === "pointercancel") return;
    if (moved <= CLICK) calls.click(...local(event), event);
    else if (polygon && polygon.length > 2) calls.lasso(polygon.map(([x, y]) => camera.toSpace(x, y, ...size())), event);
  };
  element.addEventListener("pointerup", up);
  element.addEventListener("pointercancel", up);
  element.addEventListener("pointerleave", () => calls.leave());
  element.addEventListener("wheel", (event) => {
    event.preventDefault();
    camera.zoomAt(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0016)), ...local(event), ...size());
  }, { passive: false });
}
