// All clips that are selected, or else shown: a table of any length, of which only the rows in sight exist.
import { columns, readColumn, visible } from "../columns.js";
import { computed, effect, html, number, signal, useEffect, useElement, useRef, useState } from "../lib.js";
import { post } from "../server.js";
import { chosen, clip, complain, hovered, ids, openClip, selection, sort, toggle } from "../state.js";

const HEIGHT = 36;
const SPARE = 10;
const PAGE = 200;
const GAP = 8; // between columns, as the style sheet has it

const sorting = signal(null); // { name, values }: the values that the table is sorted by
const described = new Map();

const columnToSort = computed(() => columns.value.find((one) => one.name === sort.value?.name && one.kind !== "text"));

effect(() => {
  const one = columnToSort.value;
  if (!one) return;
  readColumn(one).then((values) => (sorting.value = { name: one.name, values }), complain);
});

const rows = computed(() => {
  const shown = visible.value;
  const from = selection.value ?? [...shown.keys()];
  const found = from.filter((row) => shown[row]);
  const { name, down } = sort.value ?? {};
  const byId = name === "id";
  if (!byId && sorting.value?.name !== name) return found;
  const sign = down ? -1 : 1;
  const values = byId ? null : sorting.value?.values;
  if (!byId && !values) return found;
  const compare = byId ? (a, b) => ids.value[a].localeCompare(ids.value[b], "en", { numeric: true }) : (a, b) => values[a] - values[b];
  const known = (row) => byId || (Number.isFinite(values[row]) && !(values instanceof Int32Array && values[row] < 0));
  return [...found.filter(known).sort((a, b) => sign * compare(a, b)), ...found.filter((row) => !known(row))];
});

/** Upwards, then downwards, then as the clips come. */
function sortBy(name) {
  if (sort.value?.name !== name) sort.value = { name, down: false };
  else sort.value = sort.value.down ? null : { name, down: true };
}

export function TableView() {
  const box = useRef();
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(600);
  const [, setSeen] = useState(0);
  const [measures, setMeasures] = useState({});
  const [current, setCurrent] = useState(0);
  const shown = rows.value;
  const named = columns.value.filter((one) => one.run === null);
  const measured = columns.value.filter((one) => one.run !== null);
  const first = Math.max(0, Math.floor(top / HEIGHT) - SPARE);
  const last = Math.min(shown.length, Math.ceil((top + height) / HEIGHT) + SPARE);

  useElement(box, (element) => {
    const watcher = new ResizeObserver(([entry]) => setHeight(entry.contentRect.height));
    watcher.observe(element);
    return () => watcher.disconnect();
  }, []);
  useEffect(() => {
    for (const one of measured) {
      readColumn(one).then((values) => setMeasures((known) => ({ ...known, [one.name]: values })), complain);
    }
  }, [measured.map((one) => one.name).join()]);
  useEffect(() => {
    const missing = shown.slice(first, last).filter((row) => !described.has(row)).slice(0, PAGE);
    if (!missing.length) return;
    post("/api/rows", { rows: missing }).then((found) => {
      for (const one of found) described.set(one.row, one);
      setSeen((count) => count + 1);
    }, complain);
  }, [shown, first, last]);

  const go = (place) => {
    const at = Math.min(Math.max(place, 0), shown.length - 1);
    setCurrent(at);
    hovered.value = shown[at];
    const [low, high] = [at * HEIGHT, (at + 2) * HEIGHT];
    if (low < box.current.scrollTop) box.current.scrollTop = low;
    else if (high > box.current.scrollTop + height) box.current.scrollTop = high - height;
  };
  const onKeyDown = (event) => {
    const page = Math.floor(height / HEIGHT) - 2;
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -shown.length, End: shown.length };
    if (event.key in steps) go(current + steps[event.key]);
    else if (event.target !== box.current) return;
    else if (event.key === "Enter" && shown.length) openClip(shown[current]);
    else if (event.key === " " && shown.length) toggle(shown[current]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const head = (name, text, kind) => html`<div role="columnheader" class=${kind} key=${name}
      aria-sort=${sort.value?.name === name ? (sort.value.down ? "descending" : "ascending") : "none"}>
      <button type="button" title=${text} disabled=${columns.value.find((one) => one.name === name)?.kind === "text"} onClick=${() => sortBy(name)}>${text}
      ${sort.value?.name === name ? (sort.value.down ? " ▾" : " ▴") : ""}</button></div>`;
  const width = ({ kind, run }) => (kind === "text" ? 220 : run === null ? 100 : 150);
  const widths = [44, 230, ...[...named, ...measured].map(width)];
  const share = (px, at) => (at ? `minmax(${px}px, ${at === 1 ? 3 * px : px}fr)` : `${px}px`);
  const template = `grid-template-columns: ${widths.map(share).join(" ")}; min-width: ${widths.reduce((sum, px) => sum + px + GAP, 0)}px`;

  return html`<section class="table-view" aria-label="Table">
    <div class="grid" role="grid" ref=${box} tabindex="0" aria-rowcount=${shown.length + 1} aria-label=${selection.value ? "Selected clips" : "Clips shown"}
      aria-activedescendant=${shown.length ? `row-${shown[current]}` : undefined} onScroll=${(event) => setTop(event.target.scrollTop)} onKeyDown=${onKeyDown}>
      <div class="grid-head" role="row" style=${template}>
        <div role="columnheader" aria-label="Selected"></div>${head("id", "id")}
        ${named.map((one) => head(one.name, one.name))}${measured.map((one) => head(one.name, short(one.name), one.kind))}
      </div>
      <div class="grid-body" style=${`height: ${shown.length * HEIGHT}px`}>
        ${shown.slice(first, last).map((row, at) => html`<${Row} key=${row} row=${row} place=${first + at} template=${template} named=${named}
          measured=${measured} measures=${measures} known=${described.get(row)} isCurrent=${first + at === current} pick=${() => setCurrent(first + at)} />`)}
      </div>
      ${shown.length === 0 && html`<p class="empty">No clip passes the filter.</p>`}
    </div>
  </section>`;
}

/** The head of a narrow column: "rank of the counterpart, a → b" is "rank, a → b" there. */
const short = (name) => name.replace(" of the counterpart", "").replace("similarity of the pair", "similarity").replace("agreement of neighbours", "agreement");

function Row({ row, place, template, named, measured, measures, known, isCurrent, pick }) {
  const isChosen = chosen.value.has(row);
  const open = () => {
    pick();
    openClip(row);
  };
  const measure = (one) => {
    const value = measures[one.name]?.[row];
    if (one.kind === "category") return one.levels[value] ?? "–";
    if (one.name.startsWith("rank")) return number(value, Number.isInteger(value) ? 0 : 1);
    return value === undefined ? "" : number(value);
  };
  return html`<div role="row" id=${`row-${row}`} aria-rowindex=${place + 2} aria-selected=${isChosen} class=${`line ${isCurrent ? "current" : ""} ${clip.value === ids.value[row] ? "is-open" : ""}`}
    style=${`${template}; transform: translateY(${place * HEIGHT}px)`} onClick=${open} onMouseEnter=${() => (hovered.value = row)}>
    <div role="gridcell"><input type="checkbox" tabindex="-1" aria-label=${`Select ${ids.value[row]}`} checked=${isChosen}
      onClick=${(event) => event.stopPropagation()} onChange=${() => toggle(row)} /></div>
    <div role="gridcell" class="id" title=${ids.value[row]}><span>${ids.value[row]}</span></div>
    ${named.map((one) => html`<div role="gridcell" key=${one.name} title=${known?.[one.name] ?? ""} class=${one.kind === "number" ? "number" : ""}>
      ${known ? (one.kind === "number" ? number(known[one.name]) : String(known[one.name] ?? "–")) : "…"}</div>`)}
    ${measured.map((one) => html`<div role="gridcell" class=${one.kind} key=${one.name}>${measure(one)}</div>`)}
  </div>`;
}
