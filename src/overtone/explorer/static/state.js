// The state of the page. What a link should bring back is in the address.
import { cameraOf } from "./camera.js";
import { batch, computed, debounced, effect, signal } from "./lib.js";

export const session = signal(null);
export const ids = signal([]);
export const failure = signal(null);
export const toast = signal(null);

export const VIEWS = ["map", "table", "lists", "graph", "training", "losses"];
export const view = signal("map");
export const run = signal(0);
export const bothRuns = signal(false);
export const overlaid = signal(false);
export const layout = signal("pca"); // how the clips of a map are laid out
export const colourBy = signal("label");
export const where = signal("");
export const hiddenLevels = signal(new Set());
export const selection = signal(null); // rows in the order of the list they come from, or null
export const clip = signal(null); // id of the clip whose page is open
export const like = signal(null); // "more like these": { rows, from, to }, modalities or null for both
export const way = signal(null); // which neighbours of a clip are shown: from which modality to which
export const sort = signal(null); // of the table: { name, down }
export const listKind = signal("mismatched");
export const threshold = signal(null);
export const edge = signal(null);
export const theme = signal("auto");
export const lines = signal(true);

export const passing = signal(null); // Uint8Array of the clips that pass the filter, or null for all
export const answer = signal(null); // ranked clips beside the view: "more like these", or those near a file
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

/** Rows that an address names; null if it names none that there are. */
function known(text) {
  const rows = text ? unpack(text) : null;
  return rows?.every((row) => row < ids.value.length) ? rows : null;
}

const parts = (text) => text.split(",").map(Number);

function toAddress() {
  const asked = new URLSearchParams();
  if (run.value) asked.set("run", run.value);
  if (bothRuns.value) asked.set("runs", "both");
  if (overlaid.value) asked.set("map", "overlaid");
  if (!lines.value) asked.set("lines", "off");
  if (layout.value !== "pca") asked.set("layout", layout.value);
  const looked = view.value === "map" ? cameraOf(run.value, overlaid.value, layout.value).view : null;
  if (looked) asked.set("at", looked.map((one) => Number(one.toPrecision(4))).join());
  if (colourBy.value !== "label") asked.set("colour", colourBy.value);
  if (where.value) asked.set("where", where.value);
  if (hiddenLevels.value.size) asked.set("hidden", [...hiddenLevels.value].join("."));
  if (clip.value !== null) asked.set("clip", clip.value);
  if (way.value) asked.set("way", way.value);
  if (like.value && like.value.rows.length <= MOST_IN_ADDRESS) {
    asked.set("like", pack(like.value.rows));
    for (const end of ["from", "to"]) if (like.value[end]) asked.set(end, like.value[end]);
  }
  if (sort.value) asked.set("sort", `${sort.value.down ? "-" : ""}${sort.value.name}`);
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
    layout.value = session.value.runs[run.value].layouts.some((one) => one.name === asked.get("layout")) ? asked.get("layout") : "pca";
    const looked = parts(asked.get("at") ?? "");
    if (looked.length === 3 && looked.every(Number.isFinite) && looked[2] > 0) cameraOf(run.value, overlaid.value, layout.value).look(looked);
    colourBy.value = asked.get("colour") ?? "label";
    where.value = asked.get("where") ?? "";
    hiddenLevels.value = new Set((asked.get("hidden") ?? "").split(".").filter(Boolean).map(Number));
    clip.value = asked.get("clip");
    way.value = asked.get("way");
    const alike = known(asked.get("like"));
    const ends = ["from", "to"].map((end) => (session.value.runs[run.value].modalities.includes(asked.get(end)) ? asked.get(end) : null));
    const same = alike && like.value && pack(like.value.rows) === pack(alike) && like.value.from === ends[0] && like.value.to === ends[1];
    if (!same) like.value = alike && { rows: alike, from: ends[0], to: ends[1] };
    const order = asked.get("sort");
    sort.value = order ? { name: order.replace(/^-/, ""), down: order.startsWith("-") } : null;
    listKind.value = asked.get("list") ?? "mismatched";
    threshold.value = asked.has("threshold") ? Number(asked.get("threshold")) : null;
    edge.value = asked.get("edge");
    selection.value = known(asked.get("selected"));
  });
}

/** From now on the address follows the state; another view or clip is a step that "back" undoes. */
export function keepAddress() {
  const step = () => `${view.value} ${clip.value}`;
  let [before, address, returning] = [step(), location.hash, false];
  const write = debounced(() => history.replaceState(null, "", address), 150); // browsers refuse hundreds in a row
  addEventListener("popstate", () => {
    returning = true;
    readAddress();
    returning = false;
    before = step();
  });
  effect(() => {
    const now = toAddress();
    if (step() !== before && !returning && now !== location.hash) {
      history.replaceState(null, "", address);
      history.pushState(null, "", now);
    } else if (now !== address) write();
    [before, address] = [step(), now];
  });
}

export function select(rows) {
  selection.value = rows && rows.length ? Array.from(rows) : null;
}

/** Closes the answer beside the view. */
export function closeAnswer() {
  like.value = null;
  answer.value = null;
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
