// The diagnosis of losses: what each does to the space, what looks wrong, which one for what.
import { html, number, plural, useEffect, useMemo, useState } from "../lib.js";
import { classColour, css } from "../palette.js";
import { Plot } from "../plot.js";
import { read } from "../server.js";
import { run, say, theme } from "../state.js";

export function LossesView() {
  return html`<section class="page" aria-label="Losses"><${Loaded} key=${run.value} /></section>`;
}

function Loaded() {
  const [report, setReport] = useState(null);
  const [failed, setFailed] = useState(null);
  useEffect(() => {
    read("/api/losses", { run: run.value }).then(setReport, (error) => setFailed(error.message));
  }, []);
  if (failed) return html`<div class="empty"><p class="error" role="alert">${failed}</p></div>`;
  if (!report) return html`<p class="quiet" role="status">Loading…</p>`;
  if (!report.found) return html`<${Missing} command=${report.make} />`;
  return html`<${Found} found=${report.found} />`;
}

function Missing({ command }) {
  const copy = () => navigator.clipboard.writeText(command).then(() => say("Copied."), () => say("The browser does not let pages copy."));
  return html`<div class="empty"><h2>No diagnosis of losses</h2>
    <p class="quiet">A diagnosis trains a small head on the features of these clips with each loss, and measures what the loss does to the space: how wide classes are, how far apart they lie, where the gradient goes. It needs labels.</p>
    <pre tabindex="0"><code>${command}</code></pre>
    <div class="row-of-buttons"><button type="button" onClick=${copy}>Copy the command</button></div>
    <p class="quiet small">Then load this page again. A diagnosis in another folder is shown with overtone explore RUN --diagnosis FOLDER.</p></div>`;
}

function Found({ found }) {
  const { losses, seeds, rows, classes, protocol, modalities } = found;
  const corpus = found.corpus.split(/[\\/]/).pop() || "a corpus";
  theme.value;
  const looks = Object.fromEntries(losses.map((name, at) => [name, { colour: css(classColour(at)), dash: Math.floor(at / 8) % 4 }]));
  const over = protocol === "across" ? `from ${modalities[0]} to ${modalities[1]} and back` : `within ${modalities.join(" and ") || "one modality"}`;
  const tested = rows.test ? `${plural(rows.test, "test row")}${classes.test ? ` of ${plural(classes.test, "class", "classes")}` : ""}` : "the test rows";
  return html`<p class="lead">${losses.length ? `${plural(losses.length, "loss", "losses")} on ${corpus}, ${plural(seeds.length, "seed")} each; retrieval ${over}, on ${tested}.` : `The features of ${corpus}, on which no loss was trained.`}</p>
    ${found.advice.length > 0 && html`<h2>Which loss for what</h2><ul class="advice">${found.advice.map((one) => html`<li>${one}</li>`)}</ul>`}
    <${Verdicts} verdicts=${found.verdicts} looks=${looks} />
    ${[...new Set(found.quantities.map((one) => one.group))].map((group) => html`<${Figures} key=${group} group=${group} rows=${found.quantities.filter((one) => one.group === group)} looks=${looks} />`)}
    <${Curves} curves=${found.curves} looks=${looks} />
    <${Classes} variances=${found.variances} looks=${looks} />
    <p class="quiet small">Read from ${found.folder}; its report.html has every test and figure.</p>`;
}

const Name = ({ name, looks }) => html`<span class="loss">${looks[name] && html`<i class="dot" style=${`background: ${looks[name].colour}`}></i>`}${name}</span>`;

/** A number as the reports write it. */
function written(value, style) {
  if (value === null || value === undefined) return "–";
  if (style === "tenths") return value.toFixed(1);
  if (style === "places" || value === 0) return number(value, Math.abs(value) < 10 ? 3 : 1);
  return Math.abs(value) < 1e-4 ? value.toExponential(2) : Number(value.toPrecision(3)).toLocaleString("en", { maximumSignificantDigits: 3 });
}

function Verdicts({ verdicts, looks }) {
  const wrong = Object.entries(verdicts).filter(([, hits]) => hits.length);
  const calm = Object.keys(verdicts).filter((name) => !verdicts[name].length);
  if (!wrong.length && !calm.length) return null;
  return html`<h2>What looks wrong</h2>
    ${calm.length > 0 && html`<p class="quiet">No rule fired for ${calm.join(", ")}.</p>`}
    <div class="verdicts">${wrong.map(([name, hits]) => html`<section class="card" key=${name}><h3><${Name} name=${name} looks=${looks} /></h3>
      ${hits.map((hit) => html`<p><b>${hit.rule.replace(/[-_]/g, " ")}</b> <span class="quiet small">${written(hit.figure)}, threshold ${written(hit.threshold)}</span><br />${hit.says}${hit.advice && html` <span class="quiet">Next: ${hit.advice}</span>`}</p>`)}</section>`)}</div>`;
}

/** Losses as rows, quantities as columns; significantly the best is bold. */
function Figures({ group, rows, looks }) {
  const names = Object.keys(rows[0].values).filter((name) => rows.some((one) => one.values[name].mean !== null));
  if (!names.length) return null;
  return html`<h2>${group}</h2><div class="scroll" tabindex="0" role="region" aria-label=${group}><table><thead><tr><th scope="col">loss</th>
      ${rows.map(({ about }) => html`<th scope="col" class="number" title=${`${about.means} (${about.unit}). Low: ${about.low}. High: ${about.high}.`}>${about.name}</th>`)}</tr></thead>
    <tbody>${names.map((name) => html`<tr key=${name}><th scope="row"><${Name} name=${name} looks=${looks} /></th>${rows.map(({ about, values, best }) => {
      const { mean, std } = values[name];
      return html`<td class="number">${best === name ? html`<b>${written(mean, about.style)}</b>` : written(mean, about.style)}${std !== null && mean !== null && html`<span class="quiet small"> ± ${written(std)}</span>`}</td>`;
    })}</tr>`)}</tbody></table></div>
    <p class="quiet small">Mean ± standard deviation over the seeds${rows.some((one) => one.best) ? "; bold: ahead of every other loss beyond chance" : ""}.</p>`;
}

function Curves({ curves, looks }) {
  if (!curves.length) return null;
  return html`<h2>Over the training</h2><p class="keys-of-losses">${Object.keys(looks).map((name) => html`<${Name} name=${name} looks=${looks} /> `)}</p>
    <div class="curves">${curves.map((one) => html`<${Curve} key=${one.about.name} one=${one} looks=${looks} />`)}</div>`;
}

function Curve({ one, looks }) {
  const lines = useMemo(() => one.lines.map(({ loss, at, values }) => ({ at, values, ...looks[loss] })), [one, looks]);
  const ends = one.lines.map(({ loss, values }) => `${loss} ${written(values.at(-1), one.about.style)}`).join(", ");
  return html`<figure class="curve" title=${one.about.means}><figcaption><span>${one.about.name}</span><span class="quiet">${one.over}</span></figcaption>
    <${Plot} label=${`${one.about.name}, at the end: ${ends}`} lines=${lines} sizes=${one.about.sizes} /></figure>`;
}

/** The variance of each class under each loss: the widest classes first. */
function Classes({ variances, looks }) {
  const losses = Object.keys(variances);
  const names = useMemo(() => {
    const every = [...new Set(losses.flatMap((name) => Object.keys(variances[name])))];
    const mean = (of) => losses.reduce((sum, name) => sum + (variances[name][of] ?? 0), 0);
    return every.sort((a, b) => mean(b) - mean(a));
  }, [variances]);
  const widest = Math.max(...losses.flatMap((name) => Object.values(variances[name])));
  if (names.length < 2) return null;
  return html`<details><summary>Variance of each class, the widest first (${names.length})</summary>
    <div class="scroll" tabindex="0" role="region" aria-label="Variance of each class"><table><thead><tr><th scope="col">class</th>${losses.map((name) => html`<th scope="col" class="number"><${Name} name=${name} looks=${looks} /></th>`)}</tr></thead>
      <tbody>${names.map((of) => html`<tr key=${of}><th scope="row">${of}</th>${losses.map((name) => html`<td class="number">${written(variances[name][of])}
        <span class="track"><i style=${`width: ${(100 * (variances[name][of] ?? 0)) / widest}%`}></i></span></td>`)}</tr>`)}</tbody></table></div></details>`;
}
