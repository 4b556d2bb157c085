// Colours of points: classes, numbers and modalities, on light and on dark ground.
import { styleValue } from "./lib.js";

const HUES = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#b5a300", "#7f4f24"];
// Past the eighth class the hues come again, darker and then lighter: how much of which ground is mixed in.
const SHADES = [[0, 0], [0, 0.38], [255, 0.42]];
// From dark blue over green to yellow: lightness rises evenly, so that the order is seen without hue.
const SCALE = ["#3b2f7f", "#2f5f9e", "#1f8a8c", "#3fae6b", "#9cc93b", "#f2d43a"];
export const UNKNOWN = [139, 147, 161];

const parse = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
export const css = ([red, green, blue]) => `rgb(${red} ${green} ${blue})`;
export const isDark = () => styleValue("--ground") === "dark";

const lift = (rgb) => (isDark() ? rgb.map((part) => Math.round(part + (255 - part) * 0.22)) : rgb);

export function classColour(index) {
  const hue = parse(HUES[index % HUES.length]);
  const [ground, share] = SHADES[Math.floor(index / HUES.length) % SHADES.length];
  return lift(hue.map((part) => Math.round(part * (1 - share) + ground * share)));
}

export function scaleColour(share) {
  const place = Math.min(Math.max(share, 0), 1) * (SCALE.length - 1);
  const at = Math.min(Math.floor(place), SCALE.length - 2);
  const [low, high] = [parse(SCALE[at]), parse(SCALE[at + 1])];
  return low.map((part, channel) => Math.round(part + (high[channel] - part) * (place - at)));
}

export const modalityColour = (side) => parse(styleValue(side ? "--second" : "--first"));
