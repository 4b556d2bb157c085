// How the run was trained, and how good its retrieval is on the test split.
import { html, number, plural, useEffect, useMemo, useState } from "../lib.js";
import { Plot } from "../plot.js";
import { read } from "../server.js";
import { currentRun, modalities, run, session } from "../state.js";

const COUNTED = new Set(["epoch", "seconds"]);
const LAST = ["val_", "rank_", "gradient_norm", "learning_rate"];

export function TrainingView() {
  return html`<section class="page" aria-label="Training"><${Runs} key=${run.value} /></section>`;
}

function Runs() {
  const [found, setFound] = useState(null);
  const [failed, setFailed] = useState(null);
  useEffect(() => {
    Promise.all(session.value.runs.map((one) => read("/api/training", { run: one.number }))).then(setFound, (error) => setFailed(error.message));
  }, []);
  if (failed) return html`<div class="empty"><p class="error" role="alert">${failed}</p></div>`;
  if (!found) return html`<p class="quiet" role="status">Loading…</p>`;
  return html`<${Evaluations} found=${found} /><${Curves} found=${found} /><${Settings} settings=${found[run.value].settings} />`;
}

/** The metrics of the test split, chance among them; of the other run the mean. */
function Evaluations({ found }) {
  const { metrics, gallery, classes } = found[run.value];
  if (!metrics.length) return html`<div class="empty"><p>This run has no evaluation: its data have no test split.</p></div>`;
  const other = found.length > 1 ? found[1 - run.value].metrics : null;
  const [first, second] = modalities.value;
  const write = (key, value) => number(value, key.endsWith("_rank") ? 1 : 3);
  return html`<h2>Retrieval on the test split</h2>
    <p class="quiet">Each test clip of one modality is a query; ${plural(gallery, "item")} of the other are ranked by cosine.</p>
    <div class="scroll" tabindex="0" role="region" aria-label="Retrieval"><table><thead><tr><th scope="col">metric</th>
      <th scope="col" class="number">${first} → ${second}</th><th scope="col" class="number">${second} → ${first}</th><th scope="col" class="number">mean</th><th scope="col" class="number">95 % interval</th>
      ${other && html`<th scope="col" class="number">mean of ${session.value.runs[1 - run.value].name}</th>`}</tr></thead>
      <tbody>${metrics.map(({ key, title, explanation, directions, mean, ci95 }) => html`<tr key=${key} class=${key.startsWith("chance") ? "chance" : ""}>
        <th scope="row" title=${explanation}>${title}</th>${directions.map((value) => html`<td class="number">${write(key, value)}</td>`)}
        <td class="number"><b>${write(key, mean)}</b></td><td class="number quiet">${ci95 ? `${number(ci95[0])} to ${number(ci95[1])}` : ""}</td>
        ${other && html`<td class="number">${write(key, other.find((one) => one.key === key)?.mean)}</td>`}</tr>`)}</tbody></table></div>
    ${classes.length > 1 && html`<h2>Classes</h2><ul class="class-bars">${classes.map(({ name, mean, queries }) => html`<li key=${name}>
      <span class="name" title=${name}>${name}</span><span class="track"><i class="strong" style=${`width: ${mean * 100}%`}></i></span><b>${number(mean)}</b><span class="quiet small">${plural(queries, "query", "queries")}</span></li>`)}</ul>`}`;
}

function Curves({ found }) {
  const { history, chosen, seconds } = found[run.value];
  if (!history.length) return html`<h2>Training</h2><p class="quiet">${currentRun.value.method} is fitted at once: there are no epochs.</p>`;
  const every = [...new Set(history.flatMap((record) => Object.keys(record)))].filter((name) => !COUNTED.has(name));
  if (history.length < 2) {
    return html`<h2>Training</h2><p class="quiet">${currentRun.value.method} is fitted at once, in ${number(seconds, 1)} s.</p>
      <dl class="facts wide">${every.map((name) => html`<dt>${words(name)}</dt><dd>${number(history[0][name])}</dd>`)}</dl>`;
  }
  const place = (name) => (name === "loss" ? -2 : LAST.findIndex((start) => name.startsWith(start)));
  const names = every.sort((a, b) => place(a) - place(b));
  return html`<h2>Training</h2>
    <p class="quiet">${plural(history.length, "epoch")} in ${number(seconds, 1)} s.${chosen ? ` The line marks epoch ${chosen}, whose weights were kept.` : ""}</p>
    <div class="curves">${names.map((name) => html`<${Curve} key=${name} name=${name} history=${history} chosen=${chosen} />`)}</div>`;
}

const words = (name) => name.replace(/^val_/, "validation: ").replace(/^rank_/, "effective rank: ").replace(/_/g, " ");

function Curve({ name, history, chosen }) {
  const [lines, last] = useMemo(() => {
    const known = history.filter((record) => Number.isFinite(record[name]));
    return [[{ at: known.map((record) => record.epoch), values: known.map((record) => record[name]) }], known.at(-1)?.[name]];
  }, [history, name]);
  const label = `${words(name)} over ${lines[0].at.length} epochs, at the end ${number(last)}`;
  return html`<figure class="curve"><figcaption><span>${words(name)}</span><b>${number(last)}</b></figcaption>
    ${lines[0].at.length > 0 && html`<${Plot} label=${label} lines=${lines} mark=${chosen} />`}</figure>`;
}

function Settings({ settings }) {
  return html`<details><summary>Settings</summary><dl class="facts wide">${Object.entries(settings).map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl></details>`;
}
