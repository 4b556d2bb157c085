// What was found among the clips: mismatched pairs, outliers, near-duplicates.
import { html, number, plural, useEffect, useState } from "../lib.js";
import { follow, post, readNow } from "../server.js";
import { clip, hovered, ids, listKind, openClip, run, select, view } from "../state.js";
import { Choice } from "./map.js";

const KINDS = {
  mismatched: { name: "Mismatched pairs", what: "Clips whose two halves lie in different neighbourhoods.", columns: { rank: "rank among wrong pairs", chance: "chance of being wrong" } },
  outliers: { name: "Outliers", what: "Clips far from all others in one of the modalities.", columns: { modality: "modality", distance: "distance", expected: "expected by chance" } },
  duplicates: { name: "Near-duplicates", what: "Groups of clips nearer to each other than chance puts neighbours.", columns: { group: "group", distance: "distance", expected: "expected by chance" } },
};

const UNSURE = "Single pairs cannot be judged here: even right pairs often look wrong.";

export function ListsView() {
  const kind = KINDS[listKind.value] ? listKind.value : "mismatched";
  return html`<section class="page" aria-label="Lists">
    <${Choice} label="List" value=${KINDS[kind].name} options=${Object.values(KINDS).map((one) => one.name)}
      onPick=${(_, index) => (listKind.value = Object.keys(KINDS)[index])} />
    <p class="lead">${KINDS[kind].what}</p>
    <${List} key=${`${kind} ${run.value}`} kind=${kind} />
  </section>`;
}

function List({ kind }) {
  const [report, setReport] = useState(null);
  const [failed, setFailed] = useState(null);
  const asked = { kind, run: run.value };
  const fail = (error) => setFailed(error.message);
  useEffect(() => {
    const ask = () => readNow("/api/found", asked);
    follow(ask, ask, setReport).catch(fail);
  }, []);
  const look = () => {
    setFailed(null);
    const ask = () => post("/api/found", asked);
    setReport({ state: "running" });
    follow(ask, ask, setReport).catch(fail);
  };
  const error = failed ?? report?.error;
  if (error) return html`<div class="empty"><p class="error" role="alert">${error}</p><button type="button" onClick=${look}>Try again</button></div>`;
  if (!report || report.state === "running") return html`<div class="empty"><p role="status">Looking…</p><progress aria-label="Looking"></progress></div>`;
  if (!report.result) {
    return html`<div class="empty"><p>Nobody has looked for them with this run yet.</p>
      <button type="button" class="primary" onClick=${look}>Look for ${KINDS[kind].name.toLowerCase()}</button>
      <p class="quiet small">It compares all ${plural(ids.value.length, "clip")}; nothing is trained, and the result is kept with the run.</p></div>`;
  }
  return html`<${Found} kind=${kind} result=${report.result} />`;
}

function Found({ kind, result }) {
  const { rows, summary } = result;
  const unsure = kind === "mismatched" && summary.judged === false ? UNSURE : "";
  if (!rows.length) {
    const none = kind === "mismatched" ? "No pair is sure enough to be listed." : "Nothing was found beyond what chance explains.";
    return html`<div class="empty"><p>${unsure || none}</p><p class="quiet small">${sentence(kind, result)}</p></div>`;
  }
  const every = [...new Set(rows.map((one) => one.row))];
  const columns = Object.entries(KINDS[kind].columns);
  return html`<p>${sentence(kind, result)} ${unsure}</p>
    <div class="row-of-buttons">
      <button type="button" onClick=${() => select(every)}>Select all ${every.length}</button>
      <button type="button" onClick=${() => { select(every); view.value = "map"; }}>Show on the map</button>
    </div>
    <div class="scroll" tabindex="0" role="region" aria-label=${KINDS[kind].name}><table><thead><tr><th scope="col">id</th>${columns.map(([, text]) => html`<th scope="col" class="number">${text}</th>`)}</tr></thead>
      <tbody>${rows.map((one, at) => html`<tr key=${`${one.id} ${at}`} class=${clip.value === one.id ? "is-open" : ""} onMouseEnter=${() => (hovered.value = one.row)}>
        <th scope="row"><button type="button" class="link" onClick=${() => openClip(one.row)}>${one.id}</button></th>
        ${columns.map(([name]) => html`<td class="number">${typeof one[name] === "number" ? number(one[name], name === "group" ? 0 : 3) : one[name]}</td>`)}</tr>`)}
      </tbody></table></div>`;
}

function sentence(kind, { rows, summary }) {
  const expected = number(summary.expected, summary.expected < 10 ? 1 : 0);
  const among = `among ${plural(summary.clips, "clip")}`;
  if (kind === "duplicates") {
    const groups = new Set(rows.map((one) => one.group)).size;
    return `${plural(rows.length, "clip")} in ${plural(groups, "group")} ${among}; chance explains about ${expected}.`;
  }
  if (kind === "outliers") return `${plural(rows.length, "outlier")} ${among}; chance explains about ${expected}.`;
  const error = summary.wrong_share_error > 0 ? ` (± ${number(summary.wrong_share_error * 100, 1)} %)` : "";
  const bound = summary.judged === false ? "At most" : "About";
  const share = `${bound} ${number(summary.wrong_share * 100, 1)} %${error} of all pairs are wrong.`;
  if (!rows.length) return `${share} ${plural(summary.clips, "clip")} were compared.`;
  return `${plural(rows.length, "pair")} ${among}, of which about ${expected} may be right. ${share}`;
}
