// The search box: ids and text of the metadata; what matches is opened, or selected as a whole.
import { debounced, html, plural, useRef, useState } from "./lib.js";
import { findByFile } from "./selection.js";
import { post, readNumbers } from "./server.js";
import { complain, openClip, say, select, view } from "./state.js";

const SHOWN = 8;

export function SearchBox() {
  const [found, setFound] = useState(null);
  const [at, setAt] = useState(0);
  const box = useRef();
  const asked = useRef("");

  const look = useRef(debounced(async (text) => {
    if (!text) return;
    try {
      const rows = await readNumbers("/api/matches", { text }, Int32Array);
      const clips = rows.length ? await post("/api/rows", { rows: Array.from(rows.subarray(0, SHOWN)) }) : [];
      if (asked.current === text) setFound({ text, rows, clips });
    } catch (error) {
      complain(error);
    }
  }, 120)).current;

  const close = () => {
    setFound(null);
    setAt(0);
  };
  const type = (event) => {
    asked.current = event.target.value.trim();
    setAt(0);
    if (!asked.current) close();
    look(asked.current);
  };
  const choose = (index) => {
    if (!found?.rows.length) return;
    if (index < found.clips.length) openClip(found.clips[index].row);
    else {
      select(found.rows);
      if (view.value !== "table") view.value = "map";
      say(`${plural(found.rows.length, "clip")} selected.`);
    }
    close();
    box.current.value = "";
    box.current.blur();
  };
  const onKeyDown = (event) => {
    const last = found ? found.clips.length : 0;
    if (event.key === "ArrowDown") setAt(Math.min(at + 1, last));
    else if (event.key === "ArrowUp") setAt(Math.max(at - 1, 0));
    else if (event.key === "Enter") choose(at);
    else if (event.key === "Escape") {
      close();
      box.current.blur();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return html`<div class="search" role="search">
    <input id="search" ref=${box} type="search" placeholder="Search id or text" autocomplete="off" spellcheck="false"
      role="combobox" aria-label="Search id or text" aria-expanded=${found !== null} aria-controls="search-found" aria-autocomplete="list"
      aria-activedescendant=${found?.rows.length ? `found-${at}` : undefined}
      onInput=${type} onKeyDown=${onKeyDown} onBlur=${() => setTimeout(close, 150)} />
    <kbd aria-hidden="true">/</kbd>
    <label class="file" title="Search by a file: features, an image, a sound, a video or a text; or drop it on the page">
      <input type="file" aria-label="Search by a file" onChange=${(event) => { findByFile(event.target.files[0]); event.target.value = ""; }} /><span aria-hidden="true">File…</span></label>
    <div id="search-found" role="listbox" aria-label="Found clips" hidden=${found === null}>
      ${found?.rows.length === 0 && html`<p class="quiet">No id and no text has “${found.text}”.</p>`}
      ${found?.clips.map((one, index) => html`<div id=${`found-${index}`} role="option" aria-selected=${index === at} key=${one.id}
        onMouseDown=${() => choose(index)}><b>${one.id}</b><span class="quiet">${describe(one)}</span></div>`)}
      ${found?.rows.length > 0 && html`<div id=${`found-${found.clips.length}`} role="option" aria-selected=${at === found.clips.length}
        class="all" onMouseDown=${() => choose(found.clips.length)}>Select all ${plural(found.rows.length, "clip")} with “${found.text}”</div>`}
    </div>
  </div>`;
}

function describe({ row, id, ...rest }) {
  return Object.values(rest).filter((value) => value !== null && value !== "").slice(0, 3).join(" · ");
}
