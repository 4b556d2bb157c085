// Dialogs: keys, the code that makes the same selection, and the export of clips.
import { visible } from "./columns.js";
import { html, plural, useElement, useRef } from "./lib.js";
import { KEYS } from "./keys.js";
import { pythonCode } from "./python.js";
import { save } from "./server.js";
import { complain, currentRun, dialog, modalities, say, selection, session } from "./state.js";

export function Dialogs() {
  const shown = { help: Help, python: Python, export: Export }[dialog.value];
  return shown ? html`<${shown} key=${dialog.value} />` : null;
}

/** A modal dialog; the browser keeps the focus in it and gives it back. */
function Dialog({ title, children }) {
  const box = useRef();
  useElement(box, (element) => element.showModal(), []);
  const close = () => (dialog.value = null);
  const onClick = (event) => event.target === box.current && close();
  return html`<dialog ref=${box} aria-label=${title} onClose=${close} onClick=${onClick}>
    <div class="dialog-head"><h2>${title}</h2><button type="button" aria-label="Close" onClick=${close}>✕</button></div>
    ${children}</dialog>`;
}

function Help() {
  const { version } = session.value;
  const { method, source, store } = currentRun.value;
  const [first, second] = modalities.value;
  return html`<${Dialog} title="Help and keys">
    <p>Each disc is a clip as the run sees its ${first}, each diamond the same clip by its ${second}. Clips that the run takes to be alike lie near each other.</p>
    <p>Point at one for its name, click it to open it, drag to move the map, drag with Shift for a lasso. What is selected, filtered and coloured is the same in all views.</p>
    <p>Scores are cosines: 1 is the same direction, 0 nothing in common. σ says how far a score lies above those of random pairs. A large modality gap is common, and bad only if pairs are hardly nearer than shuffled ones.</p>
    <h3>Keys</h3>
    <dl class="keys">${KEYS.map(([key, text]) => html`<dt>${key.split(/( to |, )/).map((part) => /^( to |, |On.*)$/.test(part) ? part : html`<kbd>${part}</kbd>`)}</dt><dd>${text}</dd>`)}</dl>
    <p class="quiet small">Overtone ${version}. ${method}, trained on ${source}; store ${store}.</p>
  <//>`;
}

function Python() {
  const code = pythonCode();
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(code);
      say("Copied.");
      dialog.value = null;
    } catch {
      getSelection().selectAllChildren(document.querySelector("dialog pre"));
      say("The browser does not let pages copy; the code is marked.");
    }
  };
  return html`<${Dialog} title="The same in Python">
    <pre tabindex="0"><code>${code}</code></pre>
    <button type="button" class="primary" onClick=${copy}>Copy</button>
  <//>`;
}

function Export() {
  const chosen = selection.value ?? [...visible.value.keys()].filter((row) => visible.value[row]);
  const what = selection.value ? "selected" : "shown";
  const write = async (event) => {
    event.preventDefault();
    const format = new FormData(event.target).get("format");
    try {
      await save("/api/export", { rows: chosen, format }, `clips.${format}`);
      say(`${plural(chosen.length, "clip")} written to clips.${format}.`);
      dialog.value = null;
    } catch (error) {
      complain(error);
    }
  };
  const kinds = [["csv", "CSV", "ids, metadata and paths, for spreadsheets"], ["json", "JSON", "the same, one object a clip"], ["txt", "Text", "one id a line"]];
  return html`<${Dialog} title="Export">
    ${chosen.length === 0 ? html`<p>No clip is ${what}.</p>` : html`<form onSubmit=${write}>
      <p>${plural(chosen.length, `${what} clip`)}.</p>
      <fieldset><legend class="hidden">Format</legend>${kinds.map(([value, name, text], at) => html`<label class="option">
        <input type="radio" name="format" value=${value} checked=${at === 0} /> <b>${name}</b> <span class="quiet">${text}</span></label>`)}</fieldset>
      <button type="submit" class="primary">Save file</button></form>`}
  <//>`;
}
