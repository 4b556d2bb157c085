// The state of the page. What a link should bring back is in the address.
import { batch, computed, effect, signal } from "./lib.js";

export const session = signal(null);
export const ids = signal([]);
export const failure = signal(null);
export const toast = signal(null);

export const VIEWS = ["map", "table", "lists", "graph", "training"];
export const view = signal("map");
export const run = signal(0);
export const bothRuns = signal(false);
export const overlaid = signal(false);
export const colourBy = signal("label");
export const where = signal("");
export const hiddenLevels = signal(new Set());
export const selection = signal(null); // rows in the order of the list they come from, or null
export const clip = signal(null); // id of the clip whose page is open
export const listKind = signal("mismatched");
export const threshold = signal(null);
export const edge = signal(null);
export const theme = signal("auto");
export const lines = signal(true);

export const passing = signal(null); // Uint8Array of the clips that pass the filter, or null for all
export const answer = signal(null); // ranked clips beside the view: "more like these"
export const hovered = signal(-1); // row under the pointer, -1 for none
export const dialog = signal(null); // "help", "python" or "export"
export const tool = signal("pan");

export const currentRun = computed(() => session.value?.runs[run.value] ?? null);
export const modalities = computed(() => currentRun.value?.modalities ?? []);

/** The row of the clip whose page is open, -1 for none; and which rows are selected. */
export const clipRow = computed(() => (clip.value === null ? -1 : ids.value.indexOf(clip.value)));
export const chosen = computed(() => new Set(selection.value ?? []));

const MOST_IN_ADDRESS = 500;

/** Rows as the differences of neighbours in base 36: an address stays short. */
function pack(rows) {
  let before = 0;
  return Array.from(rows, (row) => {
    const step = row - before;
    before = row;
    return step.toString(36);
  }).join(".");
}

function unpack(text) {
  let row = 0;
  const rows = text.split(".").map((step) => (row += parseInt(step, 36)));
  return rows.every((one) => Number.isInteger(one) && one >= 0) ? rows : null;
}

function toAddress() {
  const asked = new URLSearchParams();
  if (run.value) asked.set("run", run.value);
  if (bothRuns.value) asked.set("runs", "both");
  if (overlaid.value) asked.set("map", "overlaid");
  if (!lines.value) asked.set("lines", "off");
  if (colourBy.value !== "label") asked.set("colour", colourBy.value);
  if (where.value) asked.set("where", where.value);
  if (hiddenLevels.value.size) asked.set("hidden", [...hiddenLevels.value].join("."));
  if (clip.value !== null) asked.set("clip", clip.value);
  if (view.value === "lists") asked.set("list", listKind.value);
  if (threshold.value !== null) asked.set("threshold", threshold.value);
  if (edge.value) asked.set("edge", edge.value);
  if (selection.value && selection.value.length <= MOST_IN_ADDRESS) asked.set("selected", pack(selection.value));
  const query = asked.toString();
  return `#/${view.value}${query ? `?${query}` : ""}`;
}

export function readAddress() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const asked = new URLSearchParams(query);
  const runs = session.value?.runs.length ?? 1;
  batch(() => {
    view.value = VIEWS.includes(path) ? path : "map";
    run.value = Number(asked.get("run")) === 1 && runs > 1 ? 1 : 0;
    bothRuns.value = asked.get("runs") === "both" && runs > 1;
    overlaid.value = asked.get("map") === "overlaid";
    lines.value = asked.get("lines") !== "off";
    colourBy.value = asked.get("colour") ?? "label";
    where.value = asked.get("where") ?? "";
    hiddenLevels.value = new Set((asked.get("hidden") ?? "").split(".").filter(Boolean).map(Number));
    clip.value = asked.get("clip");
    listKind.value = asked.get("list") ?? "mismatched";
    threshold.value = asked.has("threshold") ? Number(asked.get("threshold")) : null;
    edge.value = asked.get("edge");
    const rows = asked.has("selected") ? unpack(asked.get("selected")) : null;
    selection.value = rows?.every((row) => row < ids.value.length) ? rows : null;
  });
}

/** From now on the address follows the state; another view or clip is a step that "back" undoes. */
export function keepAddress() {
  let before = `${view.value} ${clip.value}`;
  addEventListener("popstate", () => {
    readAddress();
    before = `${view.value} ${clip.value}`;
  });
  effect(() => {
    const place = toAddress();
    const now = `${view.value} ${clip.value}`;
    if (place === location.hash) return;
    history[now === before ? "replaceState" : "pushState"](null, "", place);
    before = now;
  });
}

export function select(rows) {
  selection.value = rows && rows.length ? Array.from(rows) : null;
}

export function openExport() {
  dialog.value = "export";
}

export function openClip(row) {
  clip.value = ids.value[row];
}

export function say(text) {
  toast.value = text;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => (toast.value = null), 4000);
}

export function toggle(row) {
  const rows = new Set(selection.value ?? []);
  if (!rows.delete(row)) rows.add(row);
  select([...rows]);
}

/** Shows what went wrong and goes on. */
export function complain(error) {
  say(error.message);
}
