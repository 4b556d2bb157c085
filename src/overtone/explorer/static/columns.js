// Columns of the clips: their values, and the colours that show them.
import { computed, effect, signal } from "./lib.js";
import { classColour, modalityColour, scaleColour, UNKNOWN } from "./palette.js";
import { follow, post, readNumbers } from "./server.js";
import { colourBy, complain, currentRun, hiddenLevels, ids, passing, run, session, theme } from "./state.js";

export const MODALITY = "modality";

const made = signal([]); // columns that were computed since the page was opened

/** Columns that can be seen now: those of the clips and of the run that is looked at. */
export const columns = computed(() =>
  [...(session.value?.columns ?? []), ...made.value].filter((one) => one.run === null || one.run === run.value));

/** How many clusters a column has; 0 for another column. */
export const clustersIn = (name) => Number(/^(\d+) clusters$/.exec(name)?.[1] ?? 0);

/** Columns of the run that are computed when they are chosen; clusters apart. */
export const onDemand = computed(() => {
  const known = columns.value.map((one) => one.name);
  return (currentRun.value?.on_demand ?? []).filter((name) => !known.includes(name));
});

export const column = computed(() =>
  columns.value.find((one) => one.name === colourBy.value && one.kind !== "text") ?? null);

/** How far a column is that is being computed: { share }, { error }, or null. */
export const computing = signal(null);

effect(() => {
  const asked = { run: run.value, name: colourBy.value };
  if (column.value || !(clustersIn(asked.name) || onDemand.value.includes(asked.name))) {
    computing.value = null;
    return;
  }
  const step = (report) => {
    if (run.value === asked.run && colourBy.value === asked.name) computing.value = report;
  };
  const ask = () => post("/api/column", asked);
  step({ share: null });
  follow(ask, ask, step).then(({ result }) => {
    const isNew = result && !made.value.some((one) => one.run === asked.run && one.name === asked.name);
    if (isNew) made.value = [...made.value, result];
  }, (error) => step({ error: error.message }));
});

/** Values of the column that colours: Int32Array of levels or Float32Array; null for the modality. */
export const values = signal(null);

export function readColumn(one) {
  const kind = one.kind === "number" ? Float32Array : Int32Array;
  return readNumbers("/api/values", { name: one.name, run: one.run }, kind);
}

effect(() => {
  const one = column.value;
  if (!one) {
    values.value = null;
    return;
  }
  readColumn(one).then((found) => {
    if (column.value === one) values.value = found;
  }, complain);
});

/** Numbers are spread over the colours by the 2nd and 98th percentile, so that single large ones hide nothing. */
export const range = computed(() => {
  if (column.value?.kind !== "number" || !values.value) return null;
  const step = Math.max(1, Math.floor(values.value.length / 20_000));
  const known = [];
  for (let row = 0; row < values.value.length; row += step) {
    if (Number.isFinite(values.value[row])) known.push(values.value[row]);
  }
  known.sort((a, b) => a - b);
  return known.length ? [known[Math.floor(known.length * 0.02)], known[Math.ceil(known.length * 0.98) - 1]] : [0, 1];
});

/** Clips that are shown: they pass the filter, and their level is not switched off. */
export const visible = computed(() => {
  const shown = new Uint8Array(ids.value.length).fill(1);
  const pass = passing.value;
  if (pass) for (let row = 0; row < shown.length; row++) shown[row] = pass[row];
  const off = hiddenLevels.value;
  if (off.size && column.value?.kind === "category" && values.value) {
    for (let row = 0; row < shown.length; row++) if (off.has(values.value[row])) shown[row] = 0;
  }
  return shown;
});

export const visibleCount = computed(() => visible.value.reduce((sum, one) => sum + one, 0));

/** How many clips each level has that pass the filter; the last one is of clips without. */
export const levelCounts = computed(() => {
  const one = column.value;
  if (one?.kind !== "category" || !values.value) return null;
  const counts = new Array(one.levels.length + 1).fill(0);
  for (let row = 0; row < values.value.length; row++) {
    if (passing.value && !passing.value[row]) continue;
    const level = values.value[row];
    counts[level < 0 ? one.levels.length : level] += 1;
  }
  return counts;
});

/** Four bytes a clip for one modality: red, green, blue, and 255. */
export function colours(side) {
  const pixel = ([red, green, blue]) => (0xff000000 | (blue << 16) | (green << 8) | red) >>> 0; // as a little-endian machine has it
  const one = column.value;
  const found = values.value;
  const painted = new Uint32Array(ids.value.length).fill(pixel(one ? UNKNOWN : modalityColour(side)));
  if (one?.kind === "category" && found) {
    const levels = one.levels.map((_, index) => pixel(classColour(index)));
    for (let row = 0; row < painted.length; row++) if (found[row] >= 0) painted[row] = levels[found[row]];
  } else if (one && found) {
    const [low, high] = range.value;
    const steps = Array.from({ length: 256 }, (_, step) => pixel(scaleColour(step / 255)));
    const scale = 255 / (high - low || 1);
    for (let row = 0; row < painted.length; row++) {
      const step = Math.round((found[row] - low) * scale);
      if (step === step) painted[row] = steps[step < 0 ? 0 : step > 255 ? 255 : step];
    }
  }
  return new Uint8Array(painted.buffer);
}

/** Changes whenever colours do. */
export const colourKey = computed(() => [column.value, values.value, range.value, theme.value, currentRun.value]);

/** What a clip has in the column that colours, as text. */
export function valueText(row) {
  const one = column.value;
  if (!one || !values.value) return null;
  const value = values.value[row];
  if (one.kind === "category") return value < 0 ? "none" : one.levels[value];
  return Number.isNaN(value) ? "none" : value.toLocaleString("en", { maximumFractionDigits: 3 });
}
