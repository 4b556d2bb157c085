// A quantity over a training: one line, or one a loss.
import uPlot from "uplot";
import { html, styleValue, useElement, useRef } from "./lib.js";
import { theme } from "./state.js";

const HEIGHT = 130;
const DASHES = [[], [6, 3], [2, 2], [8, 3, 2, 3]];

const short = (value) => (Math.abs(value) < 0.001 && value ? value.toExponential(0) : String(Number(value.toPrecision(4))));

/** lines: [{ at, values, colour, dash }], colour the name of a style variable or a colour; mark: where a line is drawn across. */
export function Plot({ label, lines, sizes = false, mark = null }) {
  const box = useRef();
  useElement(box, (host) => {
    const width = () => Math.max(160, host.clientWidth);
    const axis = { stroke: styleValue("--muted"), grid: { stroke: styleValue("--grid"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
    const every = lines.flatMap((line) => line.values);
    const log = sizes && Math.min(...every) > 0 && Math.max(...every) > 6 * Math.min(...every);
    const values = (_, ticks) => ticks.map((one) => (one === null ? null : short(one)));
    const made = new uPlot({
      width: width(), height: HEIGHT, legend: { show: false }, cursor: { points: { size: 6 }, y: false },
      scales: { x: { time: false }, y: log ? { distr: 3 } : {} },
      axes: [{ ...axis, size: 26, values }, { ...axis, size: 52, values }],
      series: [{}, ...lines.map(({ at, colour = "--accent", dash = 0 }) => ({
        stroke: colour.startsWith("--") ? styleValue(colour) : colour, width: 2, dash: DASHES[dash], spanGaps: true, points: { show: at.length < 3, size: 5 },
      }))],
      hooks: { draw: [(plot) => mark && across(plot, mark)] },
    }, uPlot.join(lines.map((line) => [line.at, line.values])), host);
    const watcher = new ResizeObserver(() => made.setSize({ width: width(), height: HEIGHT }));
    watcher.observe(host);
    return () => {
      watcher.disconnect();
      made.destroy();
    };
  }, [theme.value, lines]);
  return html`<div ref=${box} role="img" aria-label=${label}></div>`;
}

function across(plot, place) {
  const { ctx, bbox } = plot;
  const x = plot.valToPos(place, "x", true);
  ctx.save();
  ctx.strokeStyle = styleValue("--second");
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([4, 3]);
  ctx.beginPath();
  ctx.moveTo(x, bbox.top);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  ctx.restore();
}
