// The map: both modalities side by side or overlaid, of one run or of two.
import { html } from "../lib.js";
import { Panel } from "../panel.js";
import { bothRuns, currentRun, layout, lines, overlaid, run, session, tool } from "../state.js";

export function MapView() {
  const runs = bothRuns.value ? session.value.runs : [session.value.runs[run.value]];
  const several = session.value.runs.length > 1;
  const panels = runs.flatMap((one) => {
    const named = runs.length > 1 ? html`<span class="run-name">${one.name}</span>` : null;
    const [first, second] = one.modalities;
    if (overlaid.value) {
      const title = html`${named}<i class="dot first"></i>${first} <i class="dot second"></i>${second}`;
      return [html`<${Panel} key=${`${one.number} both ${layout.value}`} run=${one} sides=${[0, 1]} title=${title} name=${`Map of ${first} and ${second}`} />`];
    }
    return one.modalities.map((modality, side) => html`<${Panel} key=${`${one.number} ${side} ${layout.value}`} run=${one} sides=${[side]}
      title=${html`${named}<i class=${`dot ${side ? "second" : "first"}`}></i>${modality}`} name=${`Map of ${modality}`} />`);
  });
  return html`<section class="map-view" aria-label="Map">
    <div class="toolbar" role="toolbar" aria-label="Map">
      <${Choice} label="Modalities" value=${overlaid.value ? "overlaid" : "side by side"} options=${["side by side", "overlaid"]}
        onPick=${(name) => (overlaid.value = name === "overlaid")} />
      ${several && html`<${Choice} label="Runs" value=${bothRuns.value ? "both" : session.value.runs[run.value].name}
        options=${[...session.value.runs.map((one) => one.name), "both"]} onPick=${pickRun} />`}
      <${Choice} label="Pointer" value=${tool.value === "lasso" ? "lasso" : "move"} options=${["move", "lasso"]}
        onPick=${(name) => (tool.value = name === "lasso" ? "lasso" : "pan")} />
      <label class="field beside"><span>Layout</span><select id="layout" value=${layout.value} onChange=${(event) => (layout.value = event.target.value)}>
        ${currentRun.value.layouts.map(({ name, title, absent }) => html`<option value=${name} title=${absent} disabled=${absent !== null} selected=${name === layout.value}>${title}${absent ? ", not here" : ""}</option>`)}</select></label>
      ${overlaid.value && html`<label class="check"><input type="checkbox" checked=${lines.value}
        onChange=${(event) => (lines.value = event.target.checked)} /> lines between pairs</label>`}
    </div>
    <div class=${`panels n${panels.length} ${tool.value}`}>${panels}</div>
  </section>`;
}

function pickRun(name, index) {
  bothRuns.value = index === session.value.runs.length;
  if (!bothRuns.value) run.value = index;
}

/** Buttons of which one is pressed. */
export function Choice({ label, value, options, onPick }) {
  return html`<div class=${`choice ${options.length === 4 ? "four" : ""}`} role="group" aria-label=${label}>
    ${options.map((one, index) => html`<button type="button" aria-pressed=${one === value} onClick=${() => onPick(one, index)}>${one}</button>`)}
  </div>`;
}
