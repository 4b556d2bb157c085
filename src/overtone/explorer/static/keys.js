// Keys that work everywhere, except while something is typed.
import { columns, MODALITY } from "./columns.js";
import { answer, bothRuns, clip, closeAnswer, clipRow, colourBy, currentRun, dialog, hiddenLevels, ids, layout, openClip, openExport, overlaid, run, selection, session, tool, view, VIEWS } from "./state.js";
import { nextTheme } from "./theme.js";

export const KEYS = [
  ["/", "search"],
  ["1 to 6", "map, table, lists, graph, training, losses"],
  ["f", "filter"],
  ["c", "next column to colour by"],
  ["n", "next layout of the map"],
  ["o", "overlay the modalities, or side by side"],
  ["l", "lasso or move; Shift and dragging is always a lasso"],
  ["r", "other run, then both"],
  ["j, k", "next and previous clip of the selection, or of all"],
  ["m", "more like the selection, or like the clip that is open"],
  ["e", "export the selection"],
  ["p", "copy as Python"],
  ["t", "light, dark, or as the system has it"],
  ["Esc", "close what is open, then clear the selection"],
  ["On the map", "arrows move, + and - zoom, 0 fits, . and , go from clip to clip, Enter opens, Space selects, a selects all in view"],
];

function step(by) {
  const rows = selection.value ?? [...ids.value.keys()];
  const at = rows.indexOf(clipRow.value);
  const next = rows[clip.value === null ? 0 : (at + by + rows.length) % rows.length];
  if (next !== undefined) openClip(next);
}

function nextColumn() {
  const names = [MODALITY, ...columns.value.filter((one) => one.kind !== "text").map((one) => one.name)];
  hiddenLevels.value = new Set();
  colourBy.value = names[(names.indexOf(colourBy.value) + 1) % names.length];
}

function nextLayout() {
  const names = currentRun.value.layouts.filter((one) => !one.absent).map((one) => one.name);
  layout.value = names[(names.indexOf(layout.value) + 1) % names.length];
}

function nextRun() {
  if (session.value.runs.length < 2) return;
  if (bothRuns.value) [bothRuns.value, run.value] = [false, 0];
  else if (run.value === 0) run.value = 1;
  else bothRuns.value = true;
}

function escape() {
  if (dialog.value) dialog.value = null;
  else if (clip.value !== null) clip.value = null;
  else if (answer.value) closeAnswer();
  else selection.value = null;
}

const ACTIONS = {
  "/": () => document.getElementById("search").focus(),
  f: () => {
    if (!["map", "table"].includes(view.value)) view.value = "map";
    requestAnimationFrame(() => document.getElementById("filter")?.focus());
  },
  c: nextColumn,
  n: nextLayout,
  o: () => (overlaid.value = !overlaid.value),
  l: () => (tool.value = tool.value === "lasso" ? "pan" : "lasso"),
  r: nextRun,
  j: () => step(1),
  k: () => step(-1),
  m: () => document.querySelector("[data-more]")?.click(),
  e: openExport,
  p: () => (dialog.value = "python"),
  t: nextTheme,
  "?": () => (dialog.value = "help"),
  Escape: escape,
};

export function listenToKeys() {
  addEventListener("keydown", (event) => {
    const typing = event.target.matches?.("input:not([type=checkbox],[type=range]), textarea, select");
    if (event.ctrlKey || event.metaKey || event.altKey || (typing && event.key !== "Escape")) return;
    if (typing) {
      event.target.blur();
      return;
    }
    const index = Number(event.key) - 1;
    if (VIEWS[index]) view.value = VIEWS[index];
    else if (event.key in ACTIONS) ACTIONS[event.key]();
    else return;
    event.preventDefault();
  });
}
