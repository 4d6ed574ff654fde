// The live charts. `show` is called with each message; everything is drawn in place. A message is idempotent: a lost one
// loses nothing. See pages/ui/live.py for its layout.

const states = new WeakMap(); // the element that Streamlit gave us → what is drawn in it

// Nothing is drawn before the styles are there: panels would jump.
await new Promise((resolve) => {
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = new URL("live.css" + new URL(import.meta.url).search, import.meta.url).href;
  link.onload = link.onerror = resolve;
  document.head.appendChild(link);
});

export function show({ parentElement, data }) {
  let state = states.get(parentElement);
  if (!state) {
    state = mount(parentElement);
    states.set(parentElement, state);
  }
  state.message = read(data);
  draw(state);
}

export function dismiss(parentElement) {
  const state = states.get(parentElement);
  if (!state) return;
  state.themeWatch.disconnect();
  for (const panel of state.panels.values()) {
    panel.observer.disconnect();
    if (window.Plotly) window.Plotly.purge(panel.plot);
  }
  state.root.remove();
  states.delete(parentElement);
}

// Plotly comes from this server, once a page.
function plotly() {
  if (!window.wganLivePlotly) {
    window.wganLivePlotly = new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = new URL("plotly.min.js", import.meta.url).href;
      script.onload = () => resolve(window.Plotly);
      script.onerror = () => reject(new Error("plotly.min.js did not load"));
      document.head.appendChild(script);
    });
  }
  return window.wganLivePlotly;
}

// --- the message -----------------------------------------------------------------------------------------------

function read(data) {
  const bytes = data instanceof Uint8Array ? data : new Uint8Array(data);
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength); // aligned to 8
  const [first, second, third] = new Uint32Array(buffer, 0, 3);
  const text = (from, length) => JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, from, length)));
  const figures = text(16 + first, second);
  const arrays = 16 + first + second;
  const revive = (value) => {
    if (Array.isArray(value)) return value.map(revive);
    if (value === null || typeof value !== "object") return value;
    if ("$" in value) return typed(buffer, arrays, value.$);
    for (const key in value) value[key] = revive(value[key]);
    return value;
  };
  return { progress: text(16, first), ...revive(figures), bytes: 16 + first + second + third };
}

function typed(buffer, base, [offset, size, type, shape]) {
  const Type = type === "f8" ? Float64Array : Float32Array;
  const flat = new Type(buffer, base + offset, size);
  if (shape.length < 2) return flat;
  return Array.from({ length: shape[0] }, (_, i) => flat.subarray(i * shape[1], (i + 1) * shape[1]));
}

// --- the page --------------------------------------------------------------------------------------------------

function element(tag, className, parent, text) {
  const made = document.createElement(tag);
  made.className = className;
  if (text !== undefined) made.textContent = text;
  if (parent) parent.appendChild(made);
  return made;
}

function mount(parent) {
  const root = element("div", "wl-root", parent);
  const strip = element("div", "wl-strip", root);
  const bar = element("div", "wl-bar", strip);
  const state = {
    root,
    strip: {
      status: element("span", "wl-pill", strip),
      fill: element("div", "wl-fill", bar),
      step: element("span", "wl-item wl-step", strip),
      items: element("span", "wl-items", strip),
      bar,
    },
    grid: element("div", "wl-grid", root),
    panels: new Map(),
    message: null,
  };
  strip.prepend(state.strip.status);
  bar.setAttribute("role", "progressbar");
  state.strip.status.setAttribute("aria-live", "polite");
  // Streamlit changes the theme by changing styles further up; draw again when it does.
  state.themeWatch = new MutationObserver(() => {
    if (colours(root).key !== state.drawnColours) draw(state);
  });
  for (const watched of [document.documentElement, document.body, document.querySelector(".stApp")]) {
    if (watched) state.themeWatch.observe(watched, { attributes: true, attributeFilter: ["class", "style", "data-theme"] });
  }
  return state;
}

function panelFor(state, chart) {
  let panel = state.panels.get(chart.name);
  if (panel) return panel;
  const box = element("section", "wl-panel" + (chart.wide ? " wl-wide" : ""), state.grid);
  box.dataset.chart = chart.name;
  const head = element("header", "wl-head", box);
  const title = element("h4", "wl-title", head, chart.title);
  if (chart.unit) element("span", "wl-unit", title, chart.unit);
  const csv = element("button", "wl-button", head, "CSV");
  csv.title = "Download what is drawn as CSV";
  const png = element("button", "wl-button", head, "PNG");
  png.title = "Download the chart as PNG";
  const help = element("details", "wl-help", head);
  element("summary", "wl-button", help, "?").title = "What is this?";
  const text = element("div", "wl-help-text", help);
  element("p", "", text, chart.help);
  element("p", "wl-source", text, "Source: " + chart.source);
  const plot = element("div", "wl-plot", box);
  const hint = element("div", "wl-hint", plot, "Press Start, and this fills.");
  panel = { box, plot, hint, csv, png, drawn: false };
  csv.onclick = () => saveCsv(state, chart.name);
  png.onclick = () => savePng(state, chart);
  panel.observer = new ResizeObserver(() => {
    if (panel.drawn && window.Plotly) window.Plotly.Plots.resize(plot);
  });
  panel.observer.observe(plot);
  state.panels.set(chart.name, panel);
  return panel;
}

function fileName(state, name) {
  return `wgan-live-${state.message.file || "chart"}-${name}`;
}

function draw(state) {
  const { message } = state;
  drawStrip(state);
  const names = new Set(message.charts.map((chart) => chart.name));
  for (const [name, panel] of state.panels) {
    if (!names.has(name)) {
      panel.observer.disconnect();
      if (window.Plotly) window.Plotly.purge(panel.plot);
      panel.box.remove();
      state.panels.delete(name);
    }
  }
  const panels = message.charts.map((chart) => panelFor(state, chart));
  panels.forEach((panel, i) => {
    if (state.grid.children[i] !== panel.box) state.grid.insertBefore(panel.box, state.grid.children[i] || null);
  });
  plotly()
    .then((Plotly) => {
      if (state.message !== message) return; // a newer one has come meanwhile
      const look = colours(state.root);
      state.drawnColours = look.key;
      message.charts.forEach((chart, i) => drawPanel(Plotly, panels[i], chart, message.run, look));
      state.root.dataset.bytes = message.bytes;
      state.root.dataset.updates = Number(state.root.dataset.updates || 0) + 1;
    })
    .catch((error) => {
      for (const panel of panels) panel.hint.textContent = error.message;
    });
}

function drawPanel(Plotly, panel, chart, run, look) {
  const empty = !chart.figure;
  panel.hint.hidden = !empty;
  if (empty) {
    if (panel.drawn) Plotly.purge(panel.plot);
    panel.drawn = false;
    panel.hint.textContent = run ? "Nothing to measure yet." : "Press Start, and this fills.";
    if (!panel.hint.parentElement) panel.plot.appendChild(panel.hint);
    return;
  }
  const figure = inked(chart.figure, look);
  const { layout } = figure;
  for (const key of Object.keys(layout)) {
    if (/^[xy]axis/.test(key)) layout[key] = { ...axisLook(look), ...layout[key] };
  }
  const named = figure.data.filter((trace) => trace.showlegend !== false).length;
  Object.assign(layout, {
    uirevision: run, // zoom and hidden traces stay until another run is shown
    autosize: true,
    margin: chart.wide ? { l: 44, r: 12, t: 26, b: 34 } : { l: 54, r: layout.yaxis2 ? 48 : 14, t: named > 2 ? 46 : 26, b: 38 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: look.ink, size: 12, family: look.font },
    // In a corner of the margin, sized by hand: plotly would move the axes when a legend comes or grows.
    legend: { orientation: "h", x: 0, y: 1, yref: "container", yanchor: "top", bgcolor: "rgba(0,0,0,0)", font: { size: 11 }, itemwidth: 30 },
    hoverlabel: { font: { size: 12 } },
    dragmode: "zoom",
    showlegend: named > 1,
  });
  Plotly.react(panel.plot, figure.data, layout, {
    displaylogo: false,
    showSendToCloud: false,
    responsive: false,
    displayModeBar: false,
    doubleClick: "reset",
  });
  panel.drawn = true;
  panel.chart = figure;
}

// --- the strip -------------------------------------------------------------------------------------------------

const count = (n) => Math.round(n).toLocaleString("en");
const short = (n) => (n === null || n === undefined ? "–" : Number(n).toPrecision(3));

function duration(seconds) {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}

function drawStrip(state) {
  const { strip, message } = state;
  const p = message.progress;
  const set = (node, text) => node.textContent !== text && (node.textContent = text);
  set(strip.status, p ? p.status : "ready");
  strip.status.dataset.status = p ? p.status : "ready";
  const share = p ? p.step / p.steps : 0;
  strip.fill.style.width = `${100 * share}%`;
  strip.bar.setAttribute("aria-valuenow", String(Math.round(100 * share)));
  set(strip.step, p ? `step ${count(p.step)} of ${count(p.steps)}` : "No run yet");
  const items = [];
  if (p) {
    items.push(["critic steps", count(p.critic_steps)]);
    items.push(["steps/s", p.rate > 0 ? (p.rate < 10 ? p.rate.toFixed(1) : count(p.rate)) : "–"]);
    items.push(["left", p.eta === null ? "–" : duration(p.eta)]);
    if (p.modes_all !== null) items.push(["modes", p.modes === null ? "–" : `${p.modes} of ${p.modes_all}`]);
    if (p.w1 !== null) items.push(["exact W1", `${short(p.w1)} (floor ${short(p.w1_floor)})`]);
    items.push([p.estimate_name, short(p.estimate)]);
    items.push(["on", p.device]);
  }
  while (strip.items.children.length > items.length) strip.items.lastChild.remove();
  items.forEach(([name, value], i) => {
    const node = strip.items.children[i] || element("span", "wl-item", strip.items);
    if (!node.children.length) {
      element("span", "wl-name", node);
      element("b", "wl-value", node);
    }
    set(node.children[0], name);
    set(node.children[1], value);
    node.dataset.name = name;
  });
}

// --- colours ---------------------------------------------------------------------------------------------------

function colours(root) {
  const style = getComputedStyle(root);
  const ink = style.color;
  const dark = /[\d.]+/g.exec(ink) !== null && Number(/[\d.]+/.exec(ink)[0]) > 128; // light text: a dark page
  const quiet = style.getPropertyValue("--st-border-color") || "rgba(128,128,128,0.4)";
  return { ink, quiet, dark, font: style.fontFamily, key: ink + quiet };
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

// --- downloads -------------------------------------------------------------------------------------------------

// On its own the picture needs what the page gives it: a ground to stand on, and its title.
function savePng(state, chart) {
  const { plot, drawn } = state.panels.get(chart.name);
  if (!drawn) return;
  const { clientWidth: width, clientHeight } = plot;
  const head = 30;
  const layout = {
    ...plot.layout,
    paper_bgcolor: getComputedStyle(document.querySelector(".stApp") || document.body).backgroundColor,
    font: { ...plot.layout.font, family: "sans-serif" }, // the page's own font does not travel with the picture
    title: { text: chart.unit ? `${chart.title} (${chart.unit})` : chart.title, font: { size: 15 }, y: 0.985, yanchor: "top" },
    margin: { ...plot.layout.margin, t: plot.layout.margin.t + head },
    legend: { ...plot.layout.legend, y: 1 - head / (clientHeight + head) },
  };
  const options = { format: "png", scale: 2, width, height: clientHeight + head, filename: fileName(state, chart.name) };
  plotly().then((Plotly) => Plotly.downloadImage({ data: plot.data, layout, config: {} }, options));
}

function saveCsv(state, name) {
  const panel = state.panels.get(name);
  if (!panel.chart) return;
  const quote = (text) => `"${String(text).replaceAll('"', '""')}"`;
  const lines = ["trace,x,y,z"];
  for (const trace of panel.chart.data) {
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
  link.download = fileName(state, name) + ".csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
