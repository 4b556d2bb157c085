// One panel of the map: a modality of a run, or both laid over each other.
import { cameraOf } from "./camera.js";
import { colourKey, colours, valueText, visible } from "./columns.js";
import { bounds, Grid } from "./grid.js";
import { effect, html, oncePerFrame, useElement, useRef, useState } from "./lib.js";
import { Marks } from "./marks.js";
import { isDark } from "./palette.js";
import { listen } from "./pointer.js";
import { CHOSEN, DIM, HIDDEN, PLAINLY, Scatter } from "./scatter.js";
import { layOut, readNumbers } from "./server.js";
import { clip, hovered, ids, layout, lines, openClip, say, select, selection, toggle } from "./state.js";

const REACH = 14; // pixels around the pointer in which a point is found
const MOST_LINES = 4000;

/** States of all clips for drawing. */
function states() {
  const shown = visible.value;
  const chosen = selection.value;
  const found = new Uint8Array(shown.length);
  for (let row = 0; row < found.length; row++) found[row] = shown[row] ? (chosen ? DIM : PLAINLY) : HIDDEN;
  if (chosen) for (const row of chosen) if (shown[row]) found[row] = CHOSEN;
  return found;
}

/** Ends of the lines between the halves of the clips that are chosen, or of all if they are few. */
function pairLines([first, second]) {
  const rows = selection.value ?? (ids.value.length <= MOST_LINES ? ids.value.keys() : []);
  const ends = [];
  for (const row of rows) {
    if (!visible.value[row] || ends.length >= MOST_LINES * 4) continue;
    const one = [first[2 * row], first[2 * row + 1], second[2 * row], second[2 * row + 1]];
    if (one.every(Number.isFinite)) ends.push(...one);
  }
  return new Float32Array(ends);
}

const baseSize = (count) => (count <= 3000 ? 6 : count <= 30_000 ? 4 : 2.6);

/** sides: which modalities, 0 or 1 or both; run: of which run. */
export function Panel({ run, sides, title, name }) {
  const host = useRef();
  const [failed, setFailed] = useState(null);
  const [loading, setLoading] = useState(true);
  const parts = useRef({});
  const camera = cameraOf(run.number, sides.length > 1, layout.value);

  useElement(host, (box) => {
    const canvas = box.querySelector("canvas");
    const marks = new Marks(box.querySelector("svg"), sides);
    const state = (parts.current = { grids: [], path: null, fitted: 0 });
    let closed = false;
    const ends = [];
    let scatter;
    try {
      scatter = new Scatter(canvas, ids.value.length <= 20_000);
    } catch (error) {
      setFailed(error.message);
      setLoading(false);
      return undefined;
    }

    const asked = { run: run.number, centred: sides.length === 1, ...(layout.value === "pca" ? {} : { layout: layout.value }) };
    const wait = ({ share }) => !closed && setLoading({ share });
    const ready = asked.layout ? layOut(asked, wait) : Promise.resolve();
    ready.then(() => readNumbers("/api/places", asked, Float32Array)).then((places) => {
      if (closed) return;
      const half = places.length / 2;
      const both = [places.subarray(0, half), places.subarray(half)];
      state.grids = sides.map((side) => new Grid(both[side]));
      scatter.setLayers(sides.map((side) => ({ places: both[side], diamond: side === 1 })));
      const whole = bounds(...both);
      state.fit = () => box.clientWidth && box.clientHeight && camera.fit(whole, box.clientWidth, box.clientHeight);
      if (!camera.moved) state.fit();
      setLoading(false);
      const mark = () => !closed && marks.draw(camera, state.grids, state.path, box.clientWidth, box.clientHeight);
      const remark = oncePerFrame(mark); // pointing at a clip leaves the points as they are
      const redraw = oncePerFrame(() => {
        if (closed) return;
        const dense = ids.value.length;
        const grown = Math.min(2.2, Math.max(1, Math.sqrt(camera.at.value.zoom / camera.fitted)));
        const size = baseSize(dense) * grown;
        scatter.draw(camera.at.value, { size, dim: 0.13, opacity: dense > 30_000 ? 0.55 : 0.82, ink: lineInk(), chosen: selection.value !== null });
        mark();
      });
      ends.push(effect(() => {
        colourKey.value;
        sides.forEach((side, at) => scatter.setColours(at, colours(side)));
        redraw();
      }));
      ends.push(effect(() => {
        scatter.setStates(states());
        scatter.setLines(sides.length > 1 && lines.value ? pairLines(both) : new Float32Array());
        redraw();
      }));
      ends.push(effect(() => {
        camera.at.value;
        redraw();
      }));
      ends.push(effect(() => {
        [hovered.value, clip.value];
        remark();
      }));
      state.remark = remark;
      const watcher = new ResizeObserver(() => (camera.moved ? redraw() : state.fit()));
      watcher.observe(box);
      ends.push(() => watcher.disconnect());
      box.dataset.ready = "true";
    }, (error) => {
      setFailed(error.message);
      setLoading(false);
    });

    const near = (px, py) => {
      const [x, y] = camera.toSpace(px, py, box.clientWidth, box.clientHeight);
      for (const grid of state.grids) {
        const row = grid.nearest(x, y, REACH / camera.at.value.zoom, visible.value);
        if (row >= 0) return row;
      }
      return -1;
    };
    listen(box, camera, {
      hover: (px, py) => (hovered.value = near(px, py)),
      leave: () => (hovered.value = -1),
      click: (px, py, event) => {
        const row = near(px, py);
        if (row < 0) return;
        if (event.ctrlKey || event.metaKey) toggle(row);
        else openClip(row);
      },
      lasso: (polygon, event) => {
        const found = [...new Set(state.grids.flatMap((grid) => grid.inside(polygon, visible.value)))];
        if (!found.length) say("No clip lies inside the lasso.");
        else select(event.ctrlKey || event.metaKey ? [...new Set([...(selection.value ?? []), ...found])] : found);
      },
      draw: (path) => {
        state.path = path;
        state.remark?.();
      },
    });
    return () => {
      closed = true;
      for (const end of ends) end();
      scatter.close();
    };
  }, [run.number, sides.join()]);

  const onKeyDown = (event) => {
    const box = host.current;
    const step = 60;
    const moves = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    const zooms = { "+": 1.3, "=": 1.3, "-": 1 / 1.3 };
    if (event.key in moves) camera.pan(...moves[event.key]);
    else if (event.key in zooms) camera.zoomAt(zooms[event.key], box.clientWidth / 2, box.clientHeight / 2, box.clientWidth, box.clientHeight);
    else if (event.key === "0") parts.current.fit?.();
    else if (event.key === "." || event.key === ",") walk(event.key === "." ? 1 : -1);
    else if (event.key === "Enter" && hovered.value >= 0) openClip(hovered.value);
    else if (event.key === " " && hovered.value >= 0) toggle(hovered.value);
    else if (event.key === "a") select(inView(parts.current.grids, camera, box));
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return html`<figure class="panel">
    <figcaption>${title}</figcaption>
    <div class="plot" ref=${host} tabindex="0" role="application" onKeyDown=${onKeyDown}
      aria-label=${`${name}. Arrow keys move, plus and minus zoom, full stop and comma go from clip to clip, Enter opens, Space selects, a selects all in view.`}>
      <canvas></canvas><svg key=${sides.join()} class="marks" aria-hidden="true"></svg>
      ${loading && html`<${Waiting} share=${loading.share} />`}
      ${failed && html`<p class="over error" role="alert">${failed}</p>`}
      <${Tip} host=${host} parts=${parts} camera=${camera} />
    </div>
  </figure>`;
}

/** While places are loaded, or computed: share is how far that is, null where nobody knows. */
function Waiting({ share }) {
  const text = share === undefined ? "Loading the map…" : `Laying out the clips${share === null ? ", which may take a minute…" : `: ${Math.round(share * 100)} %`}`;
  return html`<div class="over"><div><p role="status">${text}</p>${share !== undefined && html`<progress aria-label="Laying out" value=${share ?? undefined} max="1"></progress>`}</div></div>`;
}

function lineInk() {
  const grey = isDark() ? 0.75 : 0.25;
  return [grey, grey, grey, selection.value ? 0.5 : 0.12];
}

/** To the next clip that is shown. */
function walk(step) {
  const count = ids.value.length;
  let row = hovered.value;
  for (let tried = 0; tried < count; tried++) {
    row = row < 0 && step < 0 ? count - 1 : (row + step + count) % count;
    if (visible.value[row]) break;
  }
  hovered.value = row;
}

function inView(grids, camera, box) {
  const [left, top] = camera.toSpace(0, 0, box.clientWidth, box.clientHeight);
  const [right, bottom] = camera.toSpace(box.clientWidth, box.clientHeight, box.clientWidth, box.clientHeight);
  const frame = [[left, top], [right, top], [right, bottom], [left, bottom]];
  return [...new Set(grids.flatMap((grid) => grid.inside(frame, visible.value)))];
}

/** What the clip under the pointer is. */
function Tip({ host, parts, camera }) {
  const row = hovered.value;
  const grid = parts.current.grids?.[0];
  if (row < 0 || !grid || !host.current) return null;
  camera.at.value;
  const box = host.current;
  const [x, y] = camera.toScreen(grid.places[2 * row], grid.places[2 * row + 1], box.clientWidth, box.clientHeight);
  if (!Number.isFinite(x) || x < 0 || y < 0 || x > box.clientWidth || y > box.clientHeight) return null;
  const text = valueText(row);
  const place = `left: ${Math.min(x + 14, box.clientWidth - 180)}px; top: ${Math.max(4, y - 14)}px`;
  return html`<div class="tip" style=${place}><b>${ids.value[row]}</b>${text && html`<span>${text}</span>`}</div>`;
}
