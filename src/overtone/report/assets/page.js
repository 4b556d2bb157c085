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
