// The few names that every part of the page uses: elements, signals, and small helpers.
import { h, render } from "preact";
import { useEffect } from "preact/hooks";
import htm from "htm";

export { render };
export { batch, computed, effect, signal } from "@preact/signals";
export { useEffect };
export { useMemo, useRef, useState } from "preact/hooks";

export const html = htm.bind(h);

/** An effect on the element of a reference. Effects run after the next paint: an element that has left the page by then has none. */
export function useElement(reference, run, depends) {
  useEffect(() => (reference.current ? run(reference.current) : undefined), depends);
}

/** A number as people read it: so many decimals, or by default three unless it is whole; thousands apart. */
export function number(value, digits = null) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (typeof value !== "number") return String(value);
  if (Math.abs(value) >= 1000 || digits === 0 || (digits === null && Number.isInteger(value))) return Math.round(value).toLocaleString("en");
  return value.toFixed(digits ?? 3).replace(/^-(0\.?0*)$/, "$1");
}

/** "1 clip", "1,204 clips". */
export function plural(count, one, many = `${one}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

/** The value of a variable of the style sheet. */
export function styleValue(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Calls a function at most once per frame. */
export function oncePerFrame(run) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      run();
    });
  };
}

/** Calls a function when nothing has happened for a while. */
export function debounced(run, milliseconds = 200) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => run(...given), milliseconds);
  };
}
