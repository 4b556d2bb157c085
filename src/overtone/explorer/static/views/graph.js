// The class graph: which classes occur together, how surely, and in which clips.
import cytoscape from "cytoscape";
import { html, number, plural, styleValue, useEffect, useElement, useMemo, useRef, useState } from "../lib.js";
import { follow, readNow } from "../server.js";
import { currentRun, edge, modalities, openClip, run, select, theme, threshold, view } from "../state.js";

const CLEAR = 40; // edges that can be read at once: the first threshold leaves at most so many

const nameOf = (one) => `${one.from} → ${one.to}`;
const strengthOf = (one) => one.presence ?? Math.abs(one.weight);

export function GraphView() {
  return html`<section class="page graph-view" aria-label="Graph"><${Loaded} key=${run.value} /></section>`;
}

function Loaded() {
  const [report, setReport] = useState(null);
  const ask = () => readNow("/api/graph", { run: run.value });
  useEffect(() => {
    follow(ask, ask, setReport).catch((error) => setReport({ state: "failed", error: error.message }));
  }, []);
  if (!report || report.state === "running") return html`<div class="empty"><p role="status">Reading the class graph…</p><progress aria-label="Reading"></progress></div>`;
  if (report.error) {
    return html`<div class="empty"><h2>No class graph</h2><p class=${currentRun.value.has_graph ? "error" : "quiet"}>${report.error}</p>
      <p class="quiet">A run of interactions infers one: overtone train interactions DATA --out RUN.</p></div>`;
  }
  if (!report.result.edges.length) return html`<div class="empty"><h2>No edges</h2><p>No two classes occur together beyond chance.</p></div>`;
  return html`<${Shown} graph=${report.result} />`;
}

function Shown({ graph }) {
  const strengths = useMemo(() => graph.edges.map(strengthOf).sort((a, b) => b - a), [graph]);
  const [low, high] = [strengths.at(-1), strengths[0]];
  const least = threshold.value ?? (strengths.length > CLEAR ? strengths[CLEAR - 1] : low);
  const edges = graph.edges.filter((one) => strengthOf(one) >= least - 1e-9);
  const [order, setOrder] = useState({ by: "strength", down: true });
  const keys = { strength: strengthOf, weight: (one) => one.weight, name: nameOf };
  const sorted = [...edges].sort((a, b) => {
    const [x, y] = [keys[order.by](a), keys[order.by](b)];
    return (order.down ? -1 : 1) * (typeof x === "string" ? x.localeCompare(y) : x - y);
  });
  const chosen = edges.find((one) => nameOf(one) === edge.value);
  const what = graph.edges[0].presence === null ? "weight" : "share of resamples";
  const head = (by, text, kind) => html`<th scope="col" class=${kind} aria-sort=${order.by === by ? (order.down ? "descending" : "ascending") : "none"}>
    <button type="button" class="link" onClick=${() => setOrder({ by, down: order.by === by ? !order.down : true })}>${text}${order.by === by ? (order.down ? " ▾" : " ▴") : ""}</button></th>`;
  return html`<div class="graph-tools">
      <label class="field slider"><span>At least ${number(least, 2)} ${what}</span>
        <input id="threshold" type="range" min=${low} max=${high} step=${(high - low) / 200 || 0.01} value=${least} onInput=${(event) => (threshold.value = Number(event.target.value))} /></label>
      <p class="quiet">${edges.length.toLocaleString("en")} of ${plural(graph.edges.length, "edge")}${edges.length > CLEAR ? "; raise the threshold to read the picture" : ""}</p>
      <p class="quiet"><i class="dot first"></i>${modalities.value[0]} <i class="dot second"></i>${modalities.value[1]}</p>
    </div>
    <div class="graph-both">
      <${Picture} edges=${edges} />
      <div class="beside-graph">
        ${chosen && html`<${EdgeClips} chosen=${chosen} />`}
        <div class="scroll" tabindex="0" role="region" aria-label="Edges"><table class="edges"><thead><tr>${head("name", "edge")}${head("strength", what, "number")}${head("weight", "weight", "number")}</tr></thead>
          <tbody>${sorted.map((one) => html`<tr key=${nameOf(one)} class=${nameOf(one) === edge.value ? "is-open" : ""}>
            <th scope="row"><button type="button" class="link edge" onClick=${() => (edge.value = nameOf(one))}>${one.from} ${one.type === "directed" ? "→" : "–"} ${one.to}</button></th>
            <td class="number">${number(strengthOf(one), 2)}</td><td class="number">${number(one.weight, 2)}</td></tr>`)}</tbody></table></div>
      </div>
    </div>`;
}

/** The clips that support an edge most: those in which both classes are likeliest. */
function EdgeClips({ chosen }) {
  const clips = chosen.clips.filter((one) => one.row !== null && one.row !== undefined);
  return html`<section class="card edge-card" aria-label="Clips of the edge"><div class="drawer-head"><h2>${chosen.from} ${chosen.type === "directed" ? "→" : "–"} ${chosen.to}</h2>
      <button type="button" aria-label="Close" onClick=${() => (edge.value = null)}>✕</button></div>
    <p class="quiet small">Clips in which both classes are likeliest, by the product of their chances.</p>
    ${clips.length === 0 ? html`<p>None of its clips is explored here.</p>` : html`
      <ul class="hits plain">${clips.map((one) => html`<li key=${one.id}><button type="button" onClick=${() => openClip(one.row)}>
        <span class="name">${one.id}</span><span class="track"><i style=${`width: ${one.strength * 100}%`}></i></span><b>${number(one.strength, 2)}</b></button></li>`)}</ul>
      <button type="button" onClick=${() => { select(clips.map((one) => one.row)); view.value = "map"; }}>Show these ${clips.length} on the map</button>`}
  </section>`;
}

function Picture({ edges }) {
  const box = useRef();
  const drawn = useRef(null);
  const key = `${edges.map(nameOf).join()} ${theme.value}`;
  useElement(box, (container) => {
    const names = [...new Set(edges.flatMap((one) => [one.from, one.to]))];
    const [first] = modalities.value;
    const elements = [
      ...names.map((name) => ({ data: { id: name, label: name.slice(name.indexOf(":") + 1), side: name.startsWith(`${first}:`) ? "first" : "second" } })),
      ...edges.map((one) => ({ data: { id: nameOf(one), source: one.from, target: one.to, width: 1 + 3 * Math.min(1, strengthOf(one)), arrow: one.type === "directed" ? "triangle" : "none" } })),
    ];
    const made = cytoscape({
      container, elements, minZoom: 0.2, maxZoom: 4,
      layout: { name: "cose", animate: false, randomize: false, nodeRepulsion: 9000, idealEdgeLength: 90, padding: 30, nodeDimensionsIncludeLabels: true },
      style: graphStyle(),
    });
    const grown = Math.min(2.2, Math.max(1, 1 / made.zoom())); // names stay readable where the picture is small
    if (grown > 1) made.nodes().style({ "font-size": 12 * grown, width: 16 * grown, height: 16 * grown });
    made.on("tap", "edge", (event) => (edge.value = event.target.id()));
    drawn.current = made;
    container.graph = made; // for whoever looks from outside
    return () => made.destroy();
  }, [key]);
  useEffect(() => {
    drawn.current?.edges().unselect();
    if (edge.value) drawn.current?.getElementById(edge.value).select();
  }, [edge.value, key]);
  return html`<div class="picture" ref=${box} role="img" aria-label="Picture of the class graph; the table beside it has the same edges"></div>`;
}

function graphStyle() {
  const ink = styleValue("--ink");
  return [
    { selector: "node", style: { label: "data(label)", "font-size": 12, color: ink, "text-outline-color": styleValue("--paper"), "text-outline-width": 2, "text-valign": "top", "text-margin-y": -4, width: 16, height: 16 } },
    { selector: "node[side = 'first']", style: { "background-color": styleValue("--first") } },
    { selector: "node[side = 'second']", style: { "background-color": styleValue("--second"), shape: "diamond", width: 20, height: 20 } },
    { selector: "edge", style: { width: "data(width)", "curve-style": "bezier", "line-color": styleValue("--muted"), "target-arrow-color": styleValue("--muted"), "target-arrow-shape": "data(arrow)", "arrow-scale": 0.9, opacity: 0.75 } },
    { selector: "edge:selected", style: { "line-color": styleValue("--accent"), "target-arrow-color": styleValue("--accent"), opacity: 1, "z-index": 9 } },
  ];
}
