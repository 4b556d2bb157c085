// Beside the view: the page of a clip, or the answer to "more like these".
import { html, number, plural, useEffect, useElement, useRef, useState } from "./lib.js";
import { Media } from "./media.js";
import { findLike } from "./selection.js";
import { read } from "./server.js";
import { answer, chosen, clip, closeAnswer, hovered, modalities, openClip, run, select, toggle, way } from "./state.js";
import { Choice } from "./views/map.js";

export function Drawer() {
  return html`<aside class="drawer" aria-label=${clip.value === null ? "Answer" : "Clip"}>
    ${clip.value !== null ? html`<${ClipPage} key=${`${clip.value} ${run.value}`} id=${clip.value} />` : html`<${AnswerPage} />`}
  </aside>`;
}

function ClipPage({ id }) {
  const [known, setKnown] = useState(null);
  const [failed, setFailed] = useState(null);
  const head = useRef();
  useElement(head, (element) => {
    read("/api/clip", { id, run: run.value }).then(setKnown, (error) => setFailed(error.message));
    element.closest(".drawer").scrollTop = 0;
  }, [id]);
  const isChosen = known && chosen.value.has(known.row);
  return html`<div class="drawer-head"><h2 ref=${head} tabindex="-1">${id}</h2>
      <button type="button" aria-label="Close" title="Close (Esc)" onClick=${() => (clip.value = null)}>✕</button></div>
    ${failed && html`<p class="error" role="alert">${failed}</p>`}
    ${!known && !failed && html`<p class="quiet" role="status">Loading…</p>`}
    ${known && html`<div class="chips">
        ${["label", "split"].map((name) => known.metadata[name] != null && html`<span class="chip" title=${name}>${known.metadata[name]}</span>`)}
        ${modalities.value.filter((one) => !known.present.includes(one)).map((one) => html`<span class="chip warn">no ${one}</span>`)}
      </div>
      <div class="row-of-buttons">
        <button type="button" data-more onClick=${() => findLike([known.row])}>More like this</button>
        <button type="button" aria-pressed=${Boolean(isChosen)} onClick=${() => toggle(known.row)}>${isChosen ? "Selected" : "Select"}</button>
      </div>
      <${Media} id=${id} media=${known.media} />
      <${Measures} known=${known} />
      <${Neighbours} id=${id} />
      <${Chances} chances=${known.chances} />
      <${Metadata} metadata=${known.metadata} />`}`;
}

function Measures({ known }) {
  return html`<dl class="facts">${Object.entries(known.measures).map(([name, value]) => html`<dt>${name}</dt>
    <dd>${name.startsWith("rank") ? number(value, Number.isInteger(value) ? 0 : 1) : number(value)}</dd>`)}</dl>`;
}

/** From each modality to each: which clips are near, with cosines and how far above chance these are. */
function Neighbours({ id }) {
  const [ways, setWays] = useState(null);
  const [failed, setFailed] = useState(null);
  useEffect(() => {
    read("/api/neighbours", { id, run: run.value, k: 12 }).then(setWays, (error) => setFailed(error.message));
  }, [id]);
  if (failed) return html`<p class="error" role="alert">${failed}</p>`;
  if (!ways) return html`<p class="quiet" role="status">Looking for neighbours…</p>`;
  if (!ways.length) return null;
  const names = ways.map((one) => `${one.from[0]} → ${one.to[0]}`);
  const across = Math.max(0, ways.findIndex((one) => one.from[0] !== one.to[0]));
  const at = names.includes(way.value) ? names.indexOf(way.value) : across;
  return html`<section><h3>Neighbours</h3>
    <${Choice} label="From and to" value=${names[at]} options=${names} onPick=${(name) => (way.value = name)} />
    <${Hits} found=${ways[at]} />
    <button type="button" class="link" onClick=${() => select(ways[at].hits.map((hit) => hit.row))}>Select these ${ways[at].hits.length}</button>
  </section>`;
}

function Hits({ found }) {
  if (!found.hits.length) return html`<p class="quiet">No other clip has this modality.</p>`;
  const told = (hit) => !hit.label || hit.id.includes(hit.label); // ids often begin with the label
  return html`<ol class="hits">${found.hits.map((hit) => html`<li key=${hit.row}>
    <button type="button" class=${told(hit) ? "only-id" : ""} title=${hit.id} onClick=${() => openClip(hit.row)} onMouseEnter=${() => (hovered.value = hit.row)} onFocus=${() => (hovered.value = hit.row)}
      onMouseLeave=${() => (hovered.value = -1)}>
      <span class="name">${hit.id}</span>${!told(hit) && html`<span class="quiet label">${hit.label}</span>`}
      <span class="track"><i style=${`width: ${Math.max(0, hit.score) * 100}%`}></i></span>
      <b>${number(hit.score)}</b>${hit.above_chance !== null && html`<span class="quiet sigma" title="standard deviations above the mean score of random pairs">${hit.above_chance >= 0 ? "+" : "−"}${Math.abs(hit.above_chance).toFixed(1)} σ</span>`}
    </button></li>`)}</ol>`;
}

function Chances({ chances }) {
  if (!chances.length) return null;
  return html`<section><h3>Soft labels</h3><p class="quiet small">By teachers that have not seen this clip.</p>
    <ul class="hits plain">${chances.slice(0, 8).map((one) => html`<li><span class="row">
      <span class="name">${one.name}</span><span class="quiet label">${one.modality}</span>
      <span class="track"><i style=${`width: ${one.chance * 100}%`}></i></span><b>${number(one.chance, 2)}</b></span></li>`)}</ul></section>`;
}

function Metadata({ metadata }) {
  const known = Object.entries(metadata).filter(([name, value]) => value !== null && !["label", "split"].includes(name));
  if (!known.length) return null;
  return html`<section><h3>Metadata</h3><dl class="facts wide">${known.map(([name, value]) => html`<dt>${name}</dt><dd>${String(value)}</dd>`)}</dl></section>`;
}

function AnswerPage() {
  const { title, rows, from, to, hits, answers, at } = answer.value;
  const every = ["both", ...modalities.value];
  const again = (one, other) => findLike(rows, one === "both" ? null : one, other === "both" ? null : other);
  return html`<div class="drawer-head"><h2>${title}</h2>
      <button type="button" aria-label="Close" title="Close (Esc)" onClick=${closeAnswer}>✕</button></div>
    ${answers?.length > 1 && html`<label class="field"><span>Clip of the file</span><select value=${at}
        onChange=${(event) => (answer.value = { ...answer.value, at: Number(event.target.value), hits: answers[event.target.value].hits })}>
        ${answers.map((one, index) => html`<option value=${index} selected=${index === at}>${one.query}</option>`)}</select></label>`}
    ${answers && html`<p class="quiet">${answers[at].from.join(" and ")} → ${answers[at].to.join(" and ")}</p>`}
    ${rows && html`<div class="ways">
      <label class="field"><span>From</span><select value=${from ?? "both"} onChange=${(event) => again(event.target.value, to ?? "both")}>
        ${every.map((one) => html`<option value=${one} selected=${one === (from ?? "both")}>${one}</option>`)}</select></label>
      <label class="field"><span>To</span><select value=${to ?? "both"} onChange=${(event) => again(from ?? "both", event.target.value)}>
        ${every.map((one) => html`<option value=${one} selected=${one === (to ?? "both")}>${one}</option>`)}</select></label>
    </div>`}
    ${hits === null ? html`<p class="quiet" role="status">Searching…</p>` : html`
      <p class="quiet small">By the cosine${rows ? ` with the mean of ${plural(rows.length, "clip")}` : ""}; σ: above what random pairs have.</p>
      <${Hits} found=${answer.value} />
      <button type="button" class="link" onClick=${() => select(hits.map((hit) => hit.row))}>Select these ${hits.length}</button>`}`;
}
