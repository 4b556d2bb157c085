// Light or dark: as the system has it, or as it was chosen here.
import { effect } from "./lib.js";
import { theme } from "./state.js";

const ORDER = ["auto", "light", "dark"];
const KEY = "overtone-theme";

export function nextTheme() {
  theme.value = ORDER[(ORDER.indexOf(theme.value) + 1) % ORDER.length];
}

export function keepTheme() {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const dark = theme.value === "dark" || (theme.value === "auto" && system.matches);
    document.documentElement.dataset.theme = dark ? "dark" : "light";
  };
  theme.value = ORDER.includes(localStorage.getItem(KEY)) ? localStorage.getItem(KEY) : "auto";
  effect(() => {
    localStorage.setItem(KEY, theme.value);
    apply();
  });
  system.addEventListener("change", () => location.reload());
}
