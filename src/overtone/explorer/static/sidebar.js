// Beside the view: what colours mean, which clips are shown, and how far the modalities lie apart.
import { clustersIn, column, columns, computing, levelCounts, MODALITY, onDemand, range, visibleCount } from "./columns.js";
import { debounced, effect, html, number, plural, signal } from "./lib.js";
import { classColour, css, scaleColour, UNKNOWN } from "./palette.js";
import { read, readNumbers } from "./server.js";
import { bothRuns, colourBy, currentRun, hiddenLevels, ids, layout, modalities, overlaid, passing, session, theme, where } from "./state.js";

const filterError = signal(null);
export const sidebarOpen = signal(false);

/** The filter follows its text: clips that pass are asked for, and a mistake is named. */
export function keepFilter() {
  const apply = debounced(async (text) => {
    if (!text) {
      passing.value = null;
      filterError.value = null;
      return;
    }
    try {
      const said = await read("/api/where", { where: text });
      if (where.value.trim() !== text) return;
      if (said.error) {
        filterError.value = said.error.replace(/^--where /, "");
        return;
      }
      const rows = await readNumbers("/api/filter", { where: text }, Int32Array);
      if (where.value.trim() !== text) return;
      const flags = new Uint8Array(ids.value.length);
      for (const row of rows) flags[row] = 1;
      passing.value = flags;
      filterError.value = null;
    } catch (error) {
      if (where.value.trim() === text) filterError.value = error.message;
    }
  }, 150);
  effect(() => apply(where.value.trim()));
}

export function Sidebar() {
  return html`<aside class=${sidebarOpen.value ? "sidebar open" : "sidebar"} aria-label="Colours and filters">
    <${ColourBy} />
    <${Filter} />
    <${Gap} />
    <${Layout} />
  </aside>`;
}

function ColourBy() {
  const asked = colourBy.value;
  const count = clustersIn(asked);
  const { usual, most } = currentRun.value.clusters;
  const chosen = count ? "clusters" : column.value || onDemand.value.includes(asked) ? asked : MODALITY;
  const known = columns.value.filter((one) => one.kind !== "text" && !clustersIn(one.name));
  const own = [...known.filter((one) => one.run !== null).map((one) => one.name), ...onDemand.value];
  const pick = (name) => {
    hiddenLevels.value = new Set();
    colourBy.value = name;
  };
  const option = (name) => html`<option value=${name} selected=${chosen === name}>${name}</option>`;
  return html`<section class="card">
    <label class="field"><span>Colour by</span>
      <select id="colour-by" value=${chosen} onChange=${({ target }) => pick(target.value === "clusters" ? `${usual} clusters` : target.value)}>
        <optgroup label="Clips">${option(MODALITY)}${known.filter((one) => one.run === null).map((one) => option(one.name))}</optgroup>
        <optgroup label="By this run">${own.map(option)}${most > 0 && option("clusters")}</optgroup>
      </select>
    </label>
    ${count > 0 && html`<label class="field beside"><span>How many</span><input id="clusters" type="number" min="2" max=${most} value=${count}
        onChange=${({ target }) => pick(`${Math.min(Math.max(Math.round(Number(target.value)) || usual, 2), most)} clusters`)} /></label>`}
    ${computing.value?.error ? html`<p class="error small" role="alert">${computing.value.error}</p>` : computing.value ? html`<${Computing} />` : html`<${Key} />`}
  </section>`;
}

function Computing() {
  return html`<p class="quiet small" role="status">Computing…</p><progress aria-label="Computing" value=${computing.value.share ?? undefined} max="1"></progress>`;
}

/** What the colours mean. */
function Key() {
  if (column.value === null) return html`<${ModalityKey} />`;
  return html`${column.value.kind === "number" ? html`<${Scale} />` : html`<${Levels} />`}
    ${column.value.means && html`<p class="quiet small">${column.value.means}</p>`}`;
}

function ModalityKey() {
  const [first, second] = modalities.value;
  return html`<ul class="levels plain"><li><i class="dot first"></i>${first}</li><li><i class="dot second"></i>${second}</li></ul>`;
}

function Scale() {
  if (!range.value) return html`<p class="quiet">Loading…</p>`;
  const stops = [0, 0.2, 0.4, 0.6, 0.8, 1].map((share) => css(scaleColour(share))).join(", ");
  return html`<div class="scale" style=${`background: linear-gradient(90deg, ${stops})`}></div>
    <div class="ends"><span>${number(range.value[0])}</span><span>${number(range.value[1])}</span></div>
    <p class="quiet small">Colours from the 2nd to the 98th percentile; grey: not known.</p>`;
}

function Levels() {
  theme.value;
  const counts = levelCounts.value;
  const levels = [...column.value.levels.map((name, index) => [name, index, css(classColour(index))])];
  if (counts?.[levels.length]) levels.push(["none", -1, css(UNKNOWN)]);
  const toggle = (index, alone) => {
    const off = new Set(hiddenLevels.value);
    const every = levels.map(([, one]) => one);
    if (alone) {
      const others = every.filter((one) => one !== index);
      const isAlone = others.every((one) => off.has(one)) && !off.has(index);
      hiddenLevels.value = new Set(isAlone ? [] : others);
      return;
    }
    if (!off.delete(index)) off.add(index);
    hiddenLevels.value = off;
  };
  return html`<ul class="levels">${levels.map(([name, index, colour]) => html`<li key=${index}>
      <button type="button" class="level" aria-pressed=${!hiddenLevels.value.has(index)} title="Click to hide or show; double-click for this one alone"
        onClick=${() => toggle(index)} onDblClick=${() => toggle(index, true)}>
        <i class="dot" style=${`background: ${colour}`}></i><span class="name">${name}</span>
        <span class="count">${counts ? counts.at(index).toLocaleString("en") : ""}</span>
      </button></li>`)}</ul>
    ${hiddenLevels.value.size > 0 && html`<button type="button" class="link" onClick=${() => (hiddenLevels.value = new Set())}>Show all</button>`}`;
}

function Filter() {
  const own = columns.value.filter((one) => one.run === null);
  const example = own.find((one) => one.kind === "category" && one.levels.length) ?? own.find((one) => one.kind === "number") ?? own[0];
  const name = example && (/\W/.test(example.name) ? `"${example.name}"` : example.name);
  const test = { category: () => `= '${example.levels[0]}'`, number: () => `> ${number(example.low, 1)}`, text: () => "like '%a%'" };
  const hint = example ? `${name} ${test[example.kind]()}` : "There is no column to filter by";
  return html`<section class="card">
    <label class="field"><span>Filter</span>
      <input id="filter" type="text" spellcheck="false" autocomplete="off" disabled=${!example} placeholder=${hint} value=${where.value}
        aria-invalid=${filterError.value !== null} aria-describedby="filter-state" onInput=${(event) => (where.value = event.target.value)} />
    </label>
    <p id="filter-state" class=${filterError.value ? "error small" : "quiet small"} role="status">
      ${filterError.value ?? `${visibleCount.value.toLocaleString("en")} of ${plural(ids.value.length, "clip")} shown`}</p>
  </section>`;
}

/** The modality gap as a figure with its meaning, for one run or for both. */
function Gap() {
  const runs = bothRuns.value ? session.value.runs : [currentRun.value];
  return runs.map((one) => one.gap && html`<section class="card" key=${one.number}>
    <h2>Modality gap${runs.length > 1 ? html` <span class="quiet">${one.name}</span>` : ""}</h2>
    <p class="big">${number(one.gap.distance, 2)}</p>
    <p class="quiet small">Distance of the centroids, from 0 to 2. Chance gives ${number(one.gap.by_chance, 2)}.</p>
    <${Bars} gap=${one.gap} />
  </section>`);
}

/** How the map was made, and which ways there are that this machine lacks. */
function Layout() {
  const { layouts, share, centred_share: centred } = currentRun.value;
  const shown = layouts.find((one) => one.name === layout.value);
  const absent = layouts.filter((one) => one.absent);
  const text = layout.value === "pca"
    ? `The map shows ${Math.round((overlaid.value ? share : centred) * 100)} % of the variance (PCA): distances are those of the space, as far as two directions show them.`
    : `${shown.title}: clips that are near in the space are near here. Distances between groups, and how wide they are, mean nothing.`;
  return html`<section class="card"><h2>Map</h2><p class="quiet small">${text}</p>
    <p class="quiet small">${overlaid.value ? "" : "Side by side, each modality lies around its own mean; overlaid, the gap is seen."}</p>
    ${absent.map((one) => html`<p class="quiet small" key=${one.name}>${one.absent}</p>`)}</section>`;
}

function Bars({ gap }) {
  const rows = [["pairs", gap.pair_cosine, "strong"], ["shuffled pairs", gap.shuffled_cosine, ""]];
  return html`<dl class="bars"><dt class="quiet small">Mean cosine</dt>${rows.map(([name, value, kind]) => html`<dd>
    <span>${name}</span><span class="track"><i class=${kind} style=${`width: ${Math.max(0, value) * 100}%`}></i></span><b>${number(value, 2)}</b>
  </dd>`)}</dl>`;
}
