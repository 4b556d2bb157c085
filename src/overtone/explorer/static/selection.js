// What can be done with the clips that are selected.
import { effect, html, plural } from "./lib.js";
import { post, sendFile } from "./server.js";
import { answer, clip, closeAnswer, complain, ids, like, openExport, run, select, selection, view } from "./state.js";

const MOST_LIKE = 10_000;

/** Asks for the clips nearest to some clips: from and to are modalities, or null for both. */
export function findLike(rows, from = null, to = null) {
  if (rows.length > MOST_LIKE) {
    complain(new Error(`More like ${plural(rows.length, "clip")} cannot be asked for; select at most ${MOST_LIKE.toLocaleString("en")}.`));
    return;
  }
  clip.value = null;
  like.value = { rows: Array.from(rows), from, to };
}

/** What is asked for is answered beside the view, also where a link has asked. */
export function keepLike() {
  effect(() => {
    const [asked, number] = [like.value, run.value];
    if (!asked) {
      if (answer.peek()?.rows) answer.value = null;
      return;
    }
    const title = `More like ${asked.rows.length === 1 ? ids.value[asked.rows[0]] : plural(asked.rows.length, "clip")}`;
    const { rows, from, to } = asked;
    answer.value = { title, rows, from, to, hits: null };
    post("/api/like", { rows, run: number, k: 50, from_modality: from, to_modality: to }).then(({ hits }) => {
      if (like.value === asked && run.value === number) answer.value = { title, rows, from, to, hits };
    }, (error) => {
      if (like.value === asked) closeAnswer();
      complain(error);
    });
  });
}

/** Asks for the clips nearest to those of a file, and shows them beside the view. */
export async function findByFile(file) {
  like.value = null;
  answer.value = { title: file.name, hits: null };
  clip.value = null;
  try {
    const answers = await sendFile("/api/upload", { run: run.value, k: 50 }, file);
    if (!answers.length) throw new Error(`${file.name} holds no clip.`);
    answer.value = { title: file.name, answers, at: 0, hits: answers[0].hits };
  } catch (error) {
    answer.value = null;
    complain(error);
  }
}

/** A file that is dropped anywhere on the page is a query. */
export function listenToDrops() {
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length) findByFile(event.dataTransfer.files[0]);
  });
}

export function SelectionBar() {
  const rows = selection.value;
  if (!rows) return null;
  const more = () => findLike(rows);
  return html`<div class="selection-bar" role="region" aria-label="Selection">
    <b>${rows.length.toLocaleString("en")}<span class="word"> selected</span></b>
    <button type="button" data-more onClick=${more}>More like these</button>
    ${view.value !== "table" && html`<button type="button" onClick=${() => (view.value = "table")}>Table</button>`}
    ${view.value !== "map" && html`<button type="button" onClick=${() => (view.value = "map")}>Map</button>`}
    <button type="button" onClick=${openExport}>Export…</button>
    <button type="button" class="link" onClick=${() => select(null)}>Clear</button>
  </div>`;
}
