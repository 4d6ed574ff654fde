// Panels: a chart with its title, help and downloads; the table of lanes; what the coach says.

export function element(tag, className, parent, text) {
  const made = document.createElement(tag);
  made.className = className;
  if (text !== undefined) made.textContent = text;
  if (parent) parent.appendChild(made);
  return made;
}

// Plotly comes from this server, once a page.
export function plotly() {
  if (!window.wganLivePlotly) {
    window.wganLivePlotly = new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = new URL(new URL(import.meta.url).searchParams.get("plotly"), document.baseURI).href;
      script.onload = () => resolve(window.Plotly);
      script.onerror = () => reject(new Error("plotly.min.js did not load"));
      document.head.appendChild(script);
    });
  }
  return window.wganLivePlotly;
}

// --- charts ----------------------------------------------------------------------------------------------------

export function makePanel(chart, parent, fileName, look) {
  const box = element("section", "wl-panel" + (chart.wide && !chart.group ? " wl-wide" : ""), parent);
  box.dataset.chart = chart.name;
  const head = element("header", "wl-head", box);
  const title = element("h4", "wl-title", head);
  const name = element("span", "wl-chart-name", title, chart.title);
  const unit = element("span", "wl-unit", title, chart.unit);
  const csv = element("button", "wl-button", head, "CSV");
  csv.title = "Download what is drawn as CSV";
  const png = element("button", "wl-button", head, "PNG");
  png.title = "Download the chart as PNG";
  const zoom = element("button", "wl-button wl-zoom", head, "Zoom");
  zoom.title = "A finger that is drawn over the chart zooms; press again to see all of it, and to scroll";
  zoom.setAttribute("aria-pressed", "false");
  const help = element("details", "wl-help", head);
  const mark = element("summary", "wl-button", help, "?");
  mark.title = "What is this?";
  const text = element("div", "wl-help-text", help);
  element("p", "", text, chart.help);
  element("p", "wl-source", text, "Source: " + chart.source);
  if (chart.guide) {
    for (const [words, goal] of [["How to read this chart", chart.guide], ["Glossary", "guide#glossary"]]) guideLink(text, words, goal);
  }
  const plot = element("div", "wl-plot", box);
  const hint = element("div", "wl-hint", plot);
  const marker = element("div", "wl-marker", plot);
  marker.hidden = true;
  const panel = { box, plot, hint, marker, name, unit, drawn: false, drawnTag: "", at: null, zooms: !TOUCH.matches };
  zoom.onclick = () => {
    panel.zooms = !panel.zooms;
    zoom.setAttribute("aria-pressed", String(panel.zooms));
    if (panel.drawn) window.Plotly.relayout(plot, { dragmode: dragmode(panel), ...(panel.zooms ? {} : whole(panel)) });
  };
  help.ontoggle = () => help.open && beside(text, box);
  help.onkeydown = (event) => {
    if (event.key !== "Escape" || !help.open) return;
    help.open = false;
    mark.focus();
    event.stopPropagation();
  };
  csv.onclick = () => saveCsv(panel, fileName(chart.name));
  png.onclick = () => savePng(panel, fileName(chart.name));
  panel.observer = new ResizeObserver(() => {
    if (panel.drawn && window.Plotly && plot.isConnected) window.Plotly.Plots.resize(plot).then(() => placeMarker(panel));
  });
  panel.observer.observe(plot);
  return panel;
}

// A finger that is drawn over a chart scrolls the page, as everywhere else; a mouse zooms.
const TOUCH = matchMedia("(pointer: coarse)");
const dragmode = (panel) => (panel.zooms ? "zoom" : false);

// The axes as they were before anybody zoomed.
function whole(panel) {
  const changes = {};
  for (const axis of Object.keys(panel.plot._fullLayout).filter((key) => /^[xy]axis\d*$/.test(key))) {
    const given = panel.chart.figure.layout[axis]?.range;
    Object.assign(changes, given ? { [`${axis}.range`]: [...given] } : { [`${axis}.autorange`]: true });
  }
  return changes;
}

// A chart's explanation stands beside it where there is room, so that both can be seen; else over it.
function beside(text, box) {
  const here = box.getBoundingClientRect();
  const page = (box.closest(".wl-root") || document.body).getBoundingClientRect();
  const rooms = { left: here.left - page.left - 12, right: page.right - here.right - 12 };
  const side = rooms.left >= rooms.right ? "left" : "right";
  text.dataset.side = rooms[side] >= 260 ? side : "over";
  text.style.width = rooms[side] >= 260 ? `${Math.min(340, rooms[side])}px` : "";
}

// To a text of the guide, in a page of its own: the run that is shown here goes on being shown.
function guideLink(parent, words, goal) {
  const link = element("a", "wl-guide", parent, words);
  Object.assign(link, { href: new URL(goal, document.baseURI).href, target: "_blank", rel: "noopener" });
}

export function dropPanel(panel) {
  panel.observer.disconnect();
  if (window.Plotly) window.Plotly.purge(panel.plot);
  panel.box.remove();
}

// Draws a chart in its panel. A chart that is drawn already, by its tag, is left alone.
export function drawPanel(Plotly, panel, chart, { view, race, look, lookAt }) {
  panel.chart = chart;
  const empty = !chart.figure;
  panel.hint.hidden = !empty;
  if (empty) {
    if (panel.drawn) Plotly.purge(panel.plot);
    panel.drawn = false;
    panel.drawnTag = "";
    panel.marker.hidden = true;
    panel.hint.textContent = view ? "Nothing to measure yet." : "Press Start, and this fills.";
    for (const node of [panel.hint, panel.marker]) if (!node.parentElement) panel.plot.appendChild(node);
    return;
  }
  const tag = [view, chart.tag, look.key].join();
  if (panel.drawnTag === tag) return;
  const first = !panel.drawn;
  const figure = inked(chart.figure, look);
  const { layout } = figure;
  for (const key of Object.keys(layout)) {
    if (!/^[xy]axis/.test(key)) continue;
    layout[key] = { ...axisLook(look), ...layout[key] };
    if (layout[key].range) layout[key].range = [...layout[key].range]; // plotly writes into it when somebody zooms
  }
  const named = figure.data.filter((trace) => trace.showlegend !== false).length;
  const wide = chart.wide || chart.group;
  Object.assign(layout, {
    uirevision: view, // zoom and hidden traces stay until another run is shown
    autosize: true,
    margin: wide ? { l: 34, r: 8, t: 26, b: 28 } : { l: 54, r: layout.yaxis2 ? 48 : 14, t: named > 2 ? 46 : 26, b: 38 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: look.ink, size: look.projector ? 16 : 12, family: look.font },
    // In a corner of the margin, sized by hand: plotly would move the axes when a legend comes or grows.
    legend: { orientation: "h", x: 0, y: 1, yref: "container", yanchor: "top", bgcolor: "rgba(0,0,0,0)", font: { size: look.projector ? 13 : 11 }, itemwidth: 30 },
    hoverlabel: { font: { size: 12 } },
    dragmode: dragmode(panel),
    showlegend: named > 1,
  });
  if (race) {
    layout.showlegend = false; // the lanes' heads show their colours, and a line above them those of the samples
    layout.margin.t = !chart.group ? 20 : layout.annotations ? 24 : 6; // notes stand above the grids of images
  }
  if (look.projector) layout.margin = { ...layout.margin, l: layout.margin.l + 14, b: layout.margin.b + 14 };
  Plotly.react(panel.plot, figure.data, layout, {
    displaylogo: false,
    showSendToCloud: false,
    responsive: false,
    displayModeBar: false,
    doubleClick: "reset",
    showTips: false, // they cover the buttons of the panel above
  }).catch((fault) => {
    // Plotly draws in steps: one that comes when the panel has been dropped or emptied meanwhile has nothing left to draw.
    if (panel.plot._fullLayout) throw fault;
  });
  panel.drawn = true;
  panel.drawnTag = tag;
  panel.figure = figure;
  if (first) {
    panel.plot.on("plotly_afterplot", () => placeMarker(panel));
    panel.plot.on("plotly_click", (event) => panel.chart.time && event.points.length && lookAt(event.points[0].x));
  }
  if (!panel.marker.parentElement) panel.plot.appendChild(panel.marker);
}

// A line over the chart at the moment that is looked at. Not part of the figure: moving it must not draw the chart anew.
export function placeMarker(panel) {
  const axis = panel.drawn && panel.plot._fullLayout && panel.plot._fullLayout.xaxis;
  const size = axis && panel.plot._fullLayout._size;
  const x = axis && panel.at !== null && panel.chart.time ? axis.l2p(panel.at) : NaN;
  panel.marker.hidden = !(x >= 0 && x <= axis._length);
  if (panel.marker.hidden) return;
  Object.assign(panel.marker.style, { left: `${axis._offset + x}px`, top: `${size.t}px`, height: `${size.h}px` });
}

// --- the coach -------------------------------------------------------------------------------------------------

export function drawFindings(box, findings, lanes, show) {
  const text = JSON.stringify([findings, lanes.map((lane) => [lane.name, lane.color])]);
  if (box.drawnText === text) return;
  box.drawnText = text;
  box.replaceChildren();
  if (!findings.length) element("p", "wl-quiet", box, "The coach reads the measurements and says here what they mean, once there are enough.");
  for (const finding of findings) {
    const item = element("article", finding.healthy ? "wl-finding wl-healthy" : "wl-finding", box);
    item.dataset.finding = finding.name;
    const head = element("h5", "", item);
    if (lanes.length > 1) {
      const lane = element("span", "wl-lane-name", head, lanes[finding.lane].name);
      lane.style.borderColor = lanes[finding.lane].color;
    }
    element("span", "", head, finding.title);
    element("p", "", item, finding.text);
    const foot = element("p", "wl-source", item, finding.source + " ");
    if (finding.chart) {
      const link = element("button", "wl-link", foot, "show the chart");
      link.onclick = () => show(finding.chart);
    }
    if (finding.guide) guideLink(foot, "read on", finding.guide);
  }
}

// --- the table of lanes ----------------------------------------------------------------------------------------

export function drawTable(box, table) {
  const text = JSON.stringify(table);
  if (box.drawnText === text) return;
  box.drawnText = text;
  box.replaceChildren();
  if (!table) return;
  const grid = element("table", "", box);
  const head = element("tr", "", element("thead", "", grid));
  element("th", "", head, "lane");
  for (const column of table.columns) element("th", "", head, column);
  const body = element("tbody", "", grid);
  for (const row of table.rows) {
    const line = element("tr", "", body);
    const lane = element("span", "wl-lane-name", element("th", "", line), row.name);
    lane.style.borderColor = row.color;
    for (const cell of row.cells) element("td", "", line, cell);
  }
}

// --- colours ---------------------------------------------------------------------------------------------------

export function colours(root) {
  const style = getComputedStyle(root);
  const ink = style.color;
  const dark = /[\d.]+/g.exec(ink) !== null && Number(/[\d.]+/.exec(ink)[0]) > 128; // light text: a dark page
  const quiet = style.getPropertyValue("--st-border-color") || "rgba(128,128,128,0.4)";
  const projector = document.querySelector(".wl-projector-on") !== null;
  return { ink, quiet, dark, projector, font: style.fontFamily, key: ink + quiet + projector };
}

function axisLook(look) {
  return {
    gridcolor: "rgba(128,128,128,0.18)",
    zerolinecolor: "rgba(128,128,128,0.45)",
    linecolor: look.quiet,
    automargin: false,
    title: {},
  };
}

// Colours that depend on the theme stand in figures by name. Arrays and strings are taken as they are.
function inked(value, look) {
  if (value === "var(--ink)") return look.ink;
  if (value === "var(--quiet)") return "rgba(128,128,128,0.8)";
  if (value === "var(--real)") return look.dark ? "#56B4E9" : "#0072B2";
  if (Array.isArray(value)) return typeof value[0] === "object" && !ArrayBuffer.isView(value[0]) ? value.map((v) => inked(v, look)) : value;
  if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, inked(item, look)]));
}

// --- text in figures, where plotly reads tags --------------------------------------------------------------------

const ENTITIES = [["&", "&amp;"], ["<", "&lt;"], [">", "&gt;"]];

// Text that shows as it is, and the text that was made so (here or by the server).
const charted = (text) => ENTITIES.reduce((found, [mark, entity]) => found.replaceAll(mark, entity), text);
const written = (text) => [["%", "&#37;"], ...ENTITIES.slice().reverse()].reduce((found, [mark, entity]) => found.replaceAll(entity, mark), text);

// --- downloads -------------------------------------------------------------------------------------------------

// On its own the picture needs what the page gives it: a ground to stand on, and its title.
function savePng(panel, filename) {
  const { plot, drawn, chart } = panel;
  if (!drawn) return;
  const { clientWidth: width, clientHeight } = plot;
  const head = 30;
  const layout = {
    ...plot.layout,
    paper_bgcolor: getComputedStyle(document.querySelector(".stApp") || document.body).backgroundColor,
    font: { ...plot.layout.font, family: "sans-serif" }, // the page's own font does not travel with the picture
    showlegend: plot.data.filter((trace) => trace.showlegend !== false).length > 1,
    title: { text: charted(chart.unit ? `${chart.title} (${chart.unit})` : chart.title), font: { size: 15 }, y: 0.985, yanchor: "top" },
    margin: { ...plot.layout.margin, t: plot.layout.margin.t + head },
    legend: { ...plot.layout.legend, y: 1 - head / (clientHeight + head) },
  };
  const options = { format: "png", scale: 2, width, height: clientHeight + head, filename };
  plotly().then((Plotly) => Plotly.downloadImage({ data: plot.data, layout, config: {} }, options));
}

function saveCsv(panel, filename) {
  if (!panel.figure) return;
  // A spreadsheet takes what begins like this for a formula.
  const cell = (text) => (/^[=+@\t\r-]/.test(text) ? `'${text}` : text);
  const quote = (text) => `"${cell(written(String(text))).replaceAll('"', '""')}"`;
  const lines = ["trace,x,y,z"];
  for (const trace of panel.figure.data) {
    if (trace.z) {
      trace.z.forEach((row, i) => row.forEach((z, j) => lines.push([quote(trace.name), trace.x[j], trace.y[i], z].join(","))));
    } else if (trace.x) {
      const y = trace.customdata || trace.y; // true values where the axis is transformed
      const label = quote(trace.name + (trace.showlegend === false && trace.opacity < 1 ? " (raw)" : ""));
      for (let i = 0; i < trace.x.length; i++) if (!Number.isNaN(trace.x[i])) lines.push([label, trace.x[i], y[i], ""].join(","));
    }
  }
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([lines.join("\n") + "\n"], { type: "text/csv" }));
  link.download = filename + ".csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// Once the styles are there. Nothing is drawn before: panels would jump.
export function stylesheet(name) {
  return new Promise((resolve) => {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = new URL(name + new URL(import.meta.url).search, import.meta.url).href;
    link.onload = link.onerror = resolve;
    document.head.appendChild(link);
  });
}

// Streamlit changes the theme by changing styles further up; `redraw` is called when it does.
export function watchTheme(redraw) {
  const watch = new MutationObserver(redraw);
  for (const watched of [document.documentElement, document.body, document.querySelector(".stApp")]) {
    if (watched) watch.observe(watched, { attributes: true, attributeFilter: ["class", "style", "data-theme"] });
  }
  return watch;
}
