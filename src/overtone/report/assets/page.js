// What a report does in the browser: unpacks Plotly, draws the figures, and connects keys and buttons with them.
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

  // Numbers in the cells of a matrix, each in the ink that stands out most from its cell.
  const numbersOf = ({ z, x, y, zmin, zmax, meta }) => {
    if (!meta?.numbers) return [];
    const style = getComputedStyle(document.documentElement);
    const stops = ["low", "mid", "high"].map((name) => style.getPropertyValue("--heat-" + name).trim())
      .map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
    const linear = (part) => (part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    const ink = (value) => {
      const place = 2 * Math.min(1, Math.max(0, (value - zmin) / (zmax - zmin)));
      const at = Math.min(1, Math.floor(place));
      const [r, g, b] = stops[at].map((low, part) => linear(low + (place - at) * (stops[at + 1][part] - low)));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000000" : "#ffffff";
    };
    const cells = z.flatMap((row, i) => row.map((value, j) => ({ value, row: y[i], column: x[j] })))
      .filter(({ value }) => value !== null);
    return [{ type: "scatter", mode: "text", hoverinfo: "skip", showlegend: false, cliponaxis: false,
      x: cells.map(({ column }) => column), y: cells.map(({ row }) => row),
      text: cells.map(({ value }) => value.toFixed(2)),
      textfont: { size: 13, color: cells.map(({ value }) => ink(value)) } }];
  };

  const traces = (data) => data.flatMap((trace) => [trace, ...(trace.type === "heatmap" ? numbersOf(trace) : [])]);

  // Of things that come in an order, such as edges by weight, a slider says how many of them are drawn. A point of
  // number n in the order is drawn where more than n are; a point without a number always is.
  const offerAmount = (place, { name, total, shown }) => {
    const whole = place.data.map(({ x, y }) => ({ x, y }));
    const parts = [...place.data.keys()].filter((at) => place.data[at].meta?.order);
    const slider = Object.assign(document.createElement("input"), { type: "range", min: 1, max: total, value: shown });
    const said = document.createElement("output");
    const apply = () => {
      const most = Number(slider.value);
      said.textContent = `${most.toLocaleString("en")} of ${total.toLocaleString("en")} ${name}`;
      const kept = (at, axis) => whole[at][axis].map((value, i) => place.data[at].meta.order[i] < most ? value : null);
      Plotly.restyle(place, { x: parts.map((at) => kept(at, "x")), y: parts.map((at) => kept(at, "y")) }, parts);
    };
    const box = document.createElement("label");
    box.className = "amount";
    box.append(`Strongest ${name}`, slider, said);
    slider.addEventListener("input", apply);
    place.before(box);
    apply();
  };

  // A click on a column's title sorts its table by it; the next one turns the order round.
  const sortable = (table) => {
    const body = table.tBodies[0], titles = [...table.tHead.rows[0].cells];
    const key = (row, at) => row.cells[at].textContent.trim();
    const number = (text) => Number.parseFloat(text.replaceAll(",", "").replace("\u2212", "-").replace(/^[<+]\s*/, ""));
    const order = (at, down) => (one, other) => {
      const [a, b] = [key(one, at), key(other, at)], [m, n] = [number(a), number(b)];
      const either = Number.isNaN(m) || Number.isNaN(n);
      if (either && Number.isNaN(m) !== Number.isNaN(n)) return Number.isNaN(m) ? 1 : -1;  // what is unknown comes last
      return (down ? -1 : 1) * (either ? a.localeCompare(b, "en", { numeric: true }) : m - n);
    };
    titles.forEach((title, at) => {
      if (!title.textContent) return;
      const act = () => {
        const down = title.getAttribute("aria-sort") !== "descending" && title.classList.contains("number")
          || title.getAttribute("aria-sort") === "ascending";
        for (const other of titles) other.removeAttribute("aria-sort");
        title.setAttribute("aria-sort", down ? "descending" : "ascending");
        body.append(...[...body.rows].sort(order(at, down)));
      };
      title.classList.add("sortable");
      title.tabIndex = 0;
      title.title = "Sort by this column";
      title.addEventListener("click", act);
      title.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") {
        event.preventDefault(); act(); } });
    });
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

  const draw = (place, { data, layout, height, pairs, amount }) => {
    const config = { responsive: true, displaylogo: false, displayModeBar: height < 220 ? false : "hover",
      modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "sendChartToCloud"],
      modeBarButtons: place.clientWidth < 520 ? [["toImage"]] : false };
    Plotly.newPlot(place, traces(data), { ...layout, height, template: template() }, config);
    if (pairs) joinPairs(place);
    if (amount) offerAmount(place, amount);
  };

  for (const table of document.querySelectorAll(".scroll > table")) if (table.tBodies[0].rows.length > 7) sortable(table);

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
    for (const place of places) {
      const drawn = place.data.filter(({ type, mode }) => !(type === "scatter" && mode === "text"));
      Plotly.react(place, traces(drawn), { ...place.layout, template: template() });
    }
  });
})();
