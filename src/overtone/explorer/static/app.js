// The page: header, view, and what is open beside it.
import { Dialogs } from "./dialogs.js";
import { Drawer } from "./drawer.js";
import { listenToKeys } from "./keys.js";
import { effect, html, render, useEffect, useState } from "./lib.js";
import { SearchBox } from "./search.js";
import { keepLike, listenToDrops, SelectionBar } from "./selection.js";
import { read } from "./server.js";
import { keepFilter, Sidebar, sidebarOpen } from "./sidebar.js";
import { answer, bothRuns, clip, complain, currentRun, dialog, failure, ids, keepAddress, readAddress, run, session, theme, toast, view } from "./state.js";
import { keepTheme, nextTheme } from "./theme.js";
import { ListsView } from "./views/lists.js";
import { MapView } from "./views/map.js";
import { TableView } from "./views/table.js";

const SHOWN = { map: MapView, table: TableView, lists: ListsView, graph: Graph, training: Training, losses: Losses };
const NAMES = { map: "Map", table: "Table", lists: "Lists", graph: "Graph", training: "Training", losses: "Losses" };

/** A view whose library is large is loaded when it is first opened. */
function Later({ load }) {
  const [View, setView] = useState(null);
  useEffect(() => {
    load().then((found) => setView(() => found), complain);
  }, []);
  return View ? html`<${View} />` : html`<p class="starting" role="status">Loading…</p>`;
}

function Graph() {
  return html`<${Later} load=${async () => (await import("./views/graph.js")).GraphView} />`;
}

function Training() {
  return html`<${Later} load=${async () => (await import("./views/training.js")).TrainingView} />`;
}

function Losses() {
  return html`<${Later} load=${async () => (await import("./views/losses.js")).LossesView} />`;
}

function Header() {
  const runs = session.value.runs;
  return html`<header class="top">
    <div class="brand"><img src="/static/icon.svg" alt="" width="24" height="24" />
      ${runs.length > 1 && view.value !== "map" ? html`<select aria-label="Run" value=${run.value}
          onChange=${(event) => { run.value = Number(event.target.value); bothRuns.value = false; }}>
          ${runs.map((one) => html`<option value=${one.number} selected=${one.number === run.value}>${one.name}</option>`)}</select>`
        : html`<span class="run" title=${currentRun.value.folder ?? ""}>${runs.length > 1 && bothRuns.value ? runs.map((one) => one.name).join(" and ") : currentRun.value.name}</span>`}
    </div>
    <nav aria-label="Views">${Object.keys(SHOWN).map((name) => html`<button type="button" key=${name}
      aria-current=${view.value === name ? "page" : undefined} onClick=${() => (view.value = name)}>${NAMES[name]}</button>`)}</nav>
    <${SearchBox} />
    <div class="actions">
      ${["map", "table"].includes(view.value) && html`<button type="button" class="only-narrow" aria-expanded=${sidebarOpen.value} onClick=${() => (sidebarOpen.value = !sidebarOpen.value)}>Filter</button>`}
      <button type="button" class="wide-label" onClick=${() => (dialog.value = "python")}>Copy as Python</button>
      <button type="button" aria-label=${`Colours: ${theme.value}`} title=${`Colours: ${theme.value}`} onClick=${nextTheme}>${{ auto: "◐", light: "☼", dark: "☾" }[theme.value]}</button>
      <button type="button" aria-label="Help and keys" title="Help and keys" onClick=${() => (dialog.value = "help")}>?</button>
    </div>
  </header>`;
}

function App() {
  if (failure.value) return html`<main class="starting"><h1>The explorer cannot start</h1><p role="alert">${failure.value}</p>
    <button type="button" onClick=${() => location.reload()}>Try again</button></main>`;
  if (!session.value) return html`<p class="starting" role="status">Loading…</p>`;
  const View = SHOWN[view.value];
  const beside = view.value === "map" || view.value === "table";
  const open = clip.value !== null || answer.value !== null;
  return html`<div class=${`shell ${beside ? "beside" : ""} ${open ? "open" : ""}`}>
    <${Header} />
    ${beside && html`<${Sidebar} />`}
    <main tabindex="-1"><${View} key=${view.value} /><${SelectionBar} /></main>
    ${open && html`<${Drawer} />`}
    <${Dialogs} />
    <div class="toast" role="status" aria-live="polite">${toast.value && html`<p>${toast.value}</p>`}</div>
  </div>`;
}

async function start() {
  render(html`<${App} />`, document.getElementById("app"));
  try {
    const [said, names] = await Promise.all([read("/api/session"), read("/api/ids")]);
    ids.value = names;
    session.value = said;
  } catch (error) {
    failure.value = error.message;
    return;
  }
  readAddress();
  keepAddress();
  keepFilter();
  keepLike();
  keepTheme();
  listenToKeys();
  listenToDrops();
  effect(() => (document.title = `${NAMES[view.value]} · ${currentRun.value.name} · Overtone`));
}

document.getElementById("app").textContent = "";
start();
