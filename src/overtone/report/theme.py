"""How a report looks and moves: one style sheet and one script, written into every page."""

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fcfcfb; --raised: #ffffff; --ink: #1b1f24; --muted: #5e6772; --line: #e1e4e8; --grid: #e9ebee;
  --link: #1f66b8; --good: #0b7a55; --warn-ink: #7a4b00; --warn: #fff5e0; --warn-line: #eec46d;
  --heat-low: #f3f6fa; --heat-mid: #6aa5dc; --heat-high: #0a3d78;
  --first: #2f7ed8; --second: #e07b1a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171b; --raised: #1b1f25; --ink: #e7eaee; --muted: #9aa4b1; --line: #2f353d; --grid: #2a3038;
    --link: #79b4f5; --good: #4cc79a; --warn-ink: #f5cf83; --warn: #2d2515; --warn-line: #6d5423;
    --heat-low: #1d232b; --heat-mid: #2f6fae; --heat-high: #b9dbff;
  }
}
@media (prefers-color-scheme: dark) {
  /* The figures' colours are chosen for paper; on a dark ground they want a little more light. */
  .plot .scatterlayer, .plot .barlayer, .plot .legendsymbols, .swatch { filter: brightness(1.35); }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
main { max-width: 1040px; margin: 0 auto; padding: 40px 28px 64px; }
h1 { font-size: 34px; line-height: 1.15; letter-spacing: -0.015em; margin: 4px 0 16px; overflow-wrap: anywhere; }
h2 { font-size: 22px; line-height: 1.25; letter-spacing: -0.01em; margin: 0 0 6px; }
h3 { font-size: 16px; margin: 26px 0 6px; }
p { margin: 0 0 12px; max-width: 74ch; }
a { color: var(--link); text-underline-offset: 2px; }
code { font: 0.9em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.kicker { color: var(--muted); font-size: 13px; letter-spacing: 0.06em; text-transform: uppercase; margin: 0; }
.lead { font-size: 19px; line-height: 1.5; max-width: 66ch; }
.muted, figcaption, caption { color: var(--muted); }
figcaption, caption, .small { font-size: 14px; }
nav { margin: 28px 0 8px; padding: 14px 0; border-top: 1px solid var(--line); border-bottom: 1px solid var(--line);
  display: flex; flex-wrap: wrap; gap: 4px 22px; font-size: 14px; }
nav a { text-decoration: none; }
nav a:hover { text-decoration: underline; }
section { padding-top: 36px; }
.key.sticky ~ section { scroll-margin-top: 24px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(120px, 1fr)); gap: 12px; margin: 22px 0 10px; }
.tile { background: var(--raised); border: 1px solid var(--line); border-radius: 10px; padding: 12px 14px; }
.tile b { display: block; font-size: 26px; line-height: 1.25; font-weight: 600; font-variant-numeric: tabular-nums; }
.tile span { display: block; font-size: 13px; color: var(--muted); overflow-wrap: anywhere; }
.notes { border: 1px solid var(--line); border-radius: 10px; padding: 12px 18px; margin: 18px 0 0; font-size: 15px; }
.notes.warn { background: var(--warn); border-color: var(--warn-line); color: var(--warn-ink); }
.notes p { margin: 0; } .notes ul { margin: 6px 0 0; padding-left: 20px; } .notes li { margin: 3px 0; }
.scroll { overflow-x: auto; margin: 12px 0 18px; }
table { border-collapse: collapse; width: 100%; font-size: 15px; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: 0 0 6px; }
th, td { padding: 6px 18px 6px 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: baseline; }
th:last-child, td:last-child { padding-right: 0; }
thead th { font-size: 13px; font-weight: 500; color: var(--muted); vertical-align: bottom; }
thead th.number { white-space: normal; }
tbody th { font-weight: 500; }
.number { text-align: right; white-space: nowrap; }
td.best { font-weight: 650; }
td.words { font-size: 14px; color: var(--muted); min-width: 15em; }
figure { margin: 12px 0 20px; min-width: 0; }
.plot { width: 100%; }
figure button { font: inherit; font-size: 14px; color: var(--ink); background: var(--raised); padding: 4px 12px;
  border: 1px solid var(--line); border-radius: 7px; margin: 0 8px 8px 0; cursor: pointer; }
figure button[aria-pressed="true"] { border-color: var(--link); color: var(--link); }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(290px, 1fr)); gap: 8px 22px; }
.grid figure { margin: 6px 0; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(400px, 100%), 1fr)); gap: 8px 22px; }
.wide { display: grid; grid-template-columns: minmax(0, 1fr); }
.grid figure, .pair figure, .wide figure { display: flex; flex-direction: column-reverse; justify-content: flex-end; }
.grid figcaption, .pair figcaption, .wide figcaption { color: var(--ink); font-weight: 500; }
.key { display: flex; flex-wrap: wrap; gap: 6px; margin: 10px 0; }
.key.sticky { position: sticky; top: 0; z-index: 1002; background: var(--paper); padding: 10px 0; margin: 0;
  border-bottom: 1px solid var(--line); }
.key button { font: inherit; font-size: 14px; color: var(--ink); background: var(--raised); padding: 2px 10px 2px 7px;
  border: 1px solid var(--line); border-radius: 14px; cursor: pointer; white-space: nowrap; }
.key button[aria-pressed="false"] { opacity: 0.4; text-decoration: line-through; }
.swatch { display: inline-block; width: 30px; height: 12px; vertical-align: -1px; margin-right: 6px;
  overflow: visible; }
.swatch.point { width: 12px; }
.named { white-space: nowrap; }
.interval { display: block; font-size: 12px; color: var(--muted); font-weight: 400; }
.together > button { font: inherit; font-size: 14px; color: var(--ink); background: var(--raised); padding: 4px 12px;
  border: 1px solid var(--line); border-radius: 7px; margin: 0 8px 8px 0; cursor: pointer; }
.together > button[aria-pressed="true"] { border-color: var(--link); color: var(--link); }
.findings { columns: 3 290px; column-gap: 14px; margin: 12px 0 20px; }
.findings .card { break-inside: avoid; margin: 0 0 14px; }
.finding { margin: 10px 0 0; padding-top: 8px; border-top: 1px solid var(--line); }
.finding p { margin: 0 0 3px; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(285px, 1fr)); gap: 14px; margin: 12px 0 20px; }
.card { background: var(--raised); border: 1px solid var(--line); border-radius: 10px; padding: 14px 16px;
  min-width: 0; }
.card table { font-size: 14px; table-layout: fixed; } .card th, .card td { padding: 3px 8px 3px 0; }
.card td, .card h4 { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.card h4 { margin: 0; font-size: 15px; } .card p { margin: 0 0 8px; font-size: 14px; }
.card .rank { width: 2.2em; } .card .hit { width: 1.8em; text-align: center; } .card .similarity { width: 4em; }
.relevant { color: var(--good); font-weight: 600; }
tr.partner td { background: color-mix(in srgb, var(--first) 13%, transparent); }
details { margin: 10px 0; } summary { cursor: pointer; color: var(--link); font-size: 15px; }
.facts { display: grid; grid-template-columns: minmax(130px, max-content) 1fr; gap: 4px 22px; margin: 12px 0;
  font-size: 15px; }
.facts dt { color: var(--muted); } .facts dd { margin: 0; overflow-wrap: anywhere; min-width: 0; }
.scale { display: block; width: 100%; height: 62px; margin: 14px 0 0; overflow: visible; font-size: 12px; }
.scale text { fill: var(--muted); } .scale .track { stroke: var(--line); stroke-width: 6; stroke-linecap: round; }
.scale .range { stroke: var(--first); stroke-width: 6; stroke-linecap: round; } .scale .dot { fill: var(--first); }
.scale .dot { stroke: var(--paper); stroke-width: 2; } .scale .chance { stroke: var(--muted); stroke-width: 2; }
@media (max-width: 720px) {
  main { padding: 24px 16px 48px; } h1 { font-size: 27px; } .lead { font-size: 17px; } .words { display: none; }
  .facts { grid-template-columns: 1fr; gap: 0; } .facts dd { margin-bottom: 8px; }
}
@media print { nav, .together > button { display: none; } .key.sticky { position: static; }
  section { break-inside: avoid-page; } main { max-width: none; } }
"""

SCRIPT = """
(async () => {
  const places = [...document.querySelectorAll(".plot")];
  const figures = places.map((place) => JSON.parse(place.nextElementSibling.textContent));

  const template = () => {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue("--" + name).trim();
    const axis = { gridcolor: colour("grid"), linecolor: colour("line"), zerolinecolor: colour("grid"),
      exponentformat: "e", ticks: "outside", ticklen: 6, tickcolor: "rgba(0,0,0,0)",
      title: { font: { size: 13, color: colour("muted") }, standoff: 10 } };
    const heat = [[0, colour("heat-low")], [0.5, colour("heat-mid")], [1, colour("heat-high")]];
    return {
      layout: {
        paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", xaxis: axis, yaxis: axis,
        font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: colour("ink") },
        hoverlabel: { bgcolor: colour("raised"), bordercolor: colour("line"), font: { color: colour("ink") } },
        colorscale: { sequential: heat }, hovermode: "closest",
        modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("muted"), activecolor: colour("ink") },
      },
      data: { heatmap: [{ colorscale: heat }] },
    };
  };

  // Pointing at one half of a pair draws the line to its other half.
  const joinPairs = (place) => {
    place.on("plotly_hover", ({ points: [point] }) => {
      const { x, y } = place.data[point.curveNumber];
      const other = (point.pointNumber + x.length / 2) % x.length;
      const line = { type: "line", x0: point.x, y0: point.y, x1: x[other], y1: y[other],
        line: { width: 1.5, color: getComputedStyle(place).color } };
      Plotly.relayout(place, { shapes: [line] });
    });
    place.on("plotly_unhover", () => Plotly.relayout(place, { shapes: [] }));
  };

  const show = (place, { layout = { "xaxis.autorange": true, "yaxis.autorange": true }, ...points }) =>
    Plotly.update(place, points, { ...layout, shapes: [] });

  const offerViews = (members) => {
    const buttons = Object.keys(members[0].views).map((name, at) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = name;
      button.setAttribute("aria-pressed", at === 0);
      button.addEventListener("click", () => {
        for (const other of buttons) other.setAttribute("aria-pressed", other === button);
        for (const { place, views } of members) if (views[name]) show(place, views[name]);
      });
      return button;
    });
    const { place } = members[0];
    const shared = place.closest(".together");
    if (shared) shared.prepend(...buttons);
    else place.before(...buttons);
  };

  // Figures that stand together share one set of buttons; every other figure has its own.
  const viewed = () => {
    const groups = new Map();
    places.forEach((place, at) => {
      if (!Object.keys(figures[at].views).length) return;
      const box = place.closest(".together") ?? place;
      groups.set(box, [...(groups.get(box) ?? []), { place, views: figures[at].views }]);
    });
    return [...groups.values()];
  };

  // A name in a key takes its lines and points out of all figures, and brings them back.
  const keys = [...document.querySelectorAll("button[data-group]")];
  const offerKey = (button) => button.addEventListener("click", () => {
    const group = button.dataset.group;
    const visible = button.getAttribute("aria-pressed") !== "true";
    for (const twin of keys) if (twin.dataset.group === group) twin.setAttribute("aria-pressed", visible);
    for (const place of places) {
      const members = [...place.data.keys()].filter((at) => place.data[at].legendgroup === group);
      if (members.length) Plotly.restyle(place, { visible }, members);
    }
  });

  const draw = (place, { data, layout, height, pairs }) => {
    const config = { responsive: true, displaylogo: false, displayModeBar: height < 220 ? false : "hover",
      modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "sendChartToCloud"],
      modeBarButtons: place.clientWidth < 520 ? [["toImage"]] : false };
    Plotly.newPlot(place, data, { ...layout, height, template: template() }, config);
    if (pairs) joinPairs(place);
  };

  try {
    const packed = Uint8Array.from(atob(document.getElementById("library").textContent), (c) => c.charCodeAt(0));
    const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const library = document.createElement("script");
    library.textContent = await new Response(unpacked).text();
    document.head.append(library);
  } catch (error) {
    for (const place of places) place.textContent = "This browser is too old for the figures; the tables are whole.";
    return;
  }
  places.forEach((place, at) => draw(place, figures[at]));
  viewed().forEach(offerViews);
  keys.forEach(offerKey);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const place of places) Plotly.react(place, place.data, { ...place.layout, template: template() });
  });
})();
"""
