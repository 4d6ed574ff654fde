// The live charts. `show` is called with each message; everything is drawn in place. A message is idempotent: a lost one
// loses nothing. See pages/ui/live/packets.py for its layout.

// The same mark of the version as this file's, so that a browser never mixes versions.
const version = new URL(import.meta.url).search;
const { colours, drawFindings, drawPanel, drawTable, dropPanel, element, makePanel, placeMarker, plotly, stylesheet, watchTheme } = await import("./panels.js" + version);
const { answered, makePlayer, pause, want } = await import("./player.js" + version);

const states = new WeakMap(); // the element that Streamlit gave us → what is drawn in it

await stylesheet("live.css");

export function show({ parentElement, data, setStateValue }) {
  let state = states.get(parentElement);
  if (!state) {
    state = mount(parentElement);
    states.set(parentElement, state);
  }
  state.ask = (at) => setStateValue("at", at);
  state.shownAt = performance.now();
  state.message = read(data);
  draw(state);
}

export function dismiss(parentElement) {
  const state = states.get(parentElement);
  if (!state) return;
  state.themeWatch.disconnect();
  state.sizeWatch.disconnect();
  pause(state.player);
  for (const panel of state.panels.values()) dropPanel(panel);
  state.root.remove();
  states.delete(parentElement);
}

// --- the message -----------------------------------------------------------------------------------------------

export function read(data) {
  const bytes = data instanceof Uint8Array ? data : new Uint8Array(data);
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength); // aligned to 8
  const count = new Uint32Array(buffer, 0, 1)[0];
  const sizes = new Uint32Array(buffer, 4, count);
  let from = 4 * (count + 1 + ((count + 1) % 2));
  const parts = Array.from(sizes, (size) => {
    from += size;
    return [from - size, size];
  });
  const json = ([start, size]) => JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, start, size)));
  const charts = [];
  for (let i = 1; i < count; i += 2) charts.push(revive(json(parts[i]), buffer, parts[i + 1][0]));
  return { ...json(parts[0]), charts, bytes: from };
}

function revive(value, buffer, arrays) {
  if (Array.isArray(value)) return value.map((item) => revive(item, buffer, arrays));
  if (value === null || typeof value !== "object") return value;
  if ("$" in value) return typed(buffer, arrays, value.$);
  for (const key in value) value[key] = revive(value[key], buffer, arrays);
  return value;
}

function typed(buffer, base, [offset, size, type, shape]) {
  const Type = type === "f8" ? Float64Array : Float32Array;
  const flat = new Type(buffer, base + offset, size);
  if (shape.length < 2) return flat;
  return Array.from({ length: shape[0] }, (_, i) => flat.subarray(i * shape[1], (i + 1) * shape[1]));
}

// --- the page --------------------------------------------------------------------------------------------------

function mount(parent) {
  const root = element("div", "wl-root", parent);
  const strip = element("div", "wl-strip", root);
  const state = { root, panels: new Map(), message: null, ask: () => {} };
  state.strip = { status: element("span", "wl-pill", strip) };
  state.strip.bar = element("div", "wl-bar", strip);
  state.strip.fill = element("div", "wl-fill", state.strip.bar);
  state.strip.step = element("span", "wl-item wl-step", strip);
  state.player = makePlayer(strip, (at) => state.ask(at));
  state.strip.items = element("span", "wl-items", strip);
  state.legend = element("div", "wl-legend", root);
  for (const [name, text] of [["real", "real"], ["generated", "generated"], ["high", "critic: more real"], ["low", "critic: less real"]]) {
    element("span", `wl-key wl-key-${name}`, state.legend, text);
  }
  state.lanes = element("div", "wl-lanes", root);
  state.grid = element("div", "wl-grid", root);
  state.table = element("div", "wl-table", root);
  const coach = element("section", "wl-panel wl-coach", state.grid);
  coach.dataset.chart = "coach";
  element("h4", "wl-title", element("header", "wl-head", coach), "Coach");
  state.coach = coach;
  state.findings = element("div", "wl-findings", coach);
  state.strip.bar.setAttribute("role", "progressbar");
  state.strip.status.setAttribute("aria-live", "polite");
  const redraw = () => state.message && colours(root).key !== state.drawnColours && draw(state);
  state.themeWatch = watchTheme(redraw);
  state.sizeWatch = new ResizeObserver(redraw); // the projector's switch changes the width
  state.sizeWatch.observe(root);
  return state;
}

function panelFor(state, chart) {
  let panel = state.panels.get(chart.name);
  if (!panel) {
    const fileName = (name) => `wgan-live-${state.message.file || "chart"}-${name}`;
    panel = makePanel(chart, chart.group ? state.lanes : state.grid, fileName);
    state.panels.set(chart.name, panel);
  }
  return panel;
}

function draw(state) {
  const { message } = state;
  const race = message.lanes > 0;
  state.root.classList.toggle("wl-race", race);
  state.root.style.setProperty("--lanes", Math.max(1, message.lanes));
  drawStrip(state);
  const names = new Set(message.charts.map((chart) => chart.name));
  for (const [name, panel] of state.panels) {
    if (names.has(name)) continue;
    dropPanel(panel);
    state.panels.delete(name);
  }
  const panels = message.charts.map((chart) => panelFor(state, chart));
  let i = 0;
  panels.forEach((panel, place) => {
    if (message.charts[place].group) return;
    if (state.grid.children[i] !== panel.box) state.grid.insertBefore(panel.box, state.grid.children[i] || null);
    i += 1;
  });
  const small = message.charts.reduce((sum, chart) => sum + (chart.group ? 0 : chart.wide ? 4 : 1), 0);
  state.root.style.setProperty("--coach", 3 - (small % 3)); // the coach fills the last row
  message.charts.forEach((chart, place) => {
    if (chart.group) drawLaneHead(panels[place], chart, message.progress[place]);
    else set(panels[place].name, chart.title);
  });
  const show = (name) => flash(state.panels.get(name));
  drawFindings(state.findings, message.findings, message.progress, show);
  drawTable(state.table, message.table);
  plotly()
    .then((Plotly) => {
      if (state.message !== message) return; // a newer one has come meanwhile
      const look = colours(state.root);
      state.drawnColours = look.key;
      const lookAt = (x) => want(state.player, x, state.ask);
      message.charts.forEach((chart, place) => {
        const panel = panels[place];
        drawPanel(Plotly, panel, chart, { view: message.view, race, look, lookAt });
        if (panel.at === message.at) return;
        panel.at = message.at;
        placeMarker(panel);
      });
      state.root.dataset.bytes = message.bytes;
      state.root.dataset.drawing = String(Math.round(performance.now() - state.shownAt));
      state.root.dataset.updates = Number(state.root.dataset.updates || 0) + 1;
      answered(state.player, message, state.ask);
    })
    .catch((error) => {
      for (const panel of panels) panel.hint.textContent = error.message;
    });
}

function flash(panel) {
  if (!panel) return;
  panel.box.scrollIntoView({ behavior: "smooth", block: "nearest" });
  panel.box.classList.add("wl-flash");
  setTimeout(() => panel.box.classList.remove("wl-flash"), 1600);
}

// --- words and numbers -----------------------------------------------------------------------------------------

const count = (n) => Math.round(n).toLocaleString("en");
const short = (n) => (n === null || n === undefined ? "–" : Number(n).toPrecision(3));
const set = (node, text) => node.textContent !== text && (node.textContent = text);

function duration(seconds) {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}

// The head of a lane: its name, and how it does.
function drawLaneHead(panel, chart, lane) {
  panel.box.style.borderTopColor = chart.color || "";
  set(panel.name, chart.color ? chart.title : "");
  if (!lane) return set(panel.unit, "");
  const words = [];
  if (["starting", "stopped", "failed"].includes(lane.status)) words.push(lane.status);
  if (lane.modes_all !== null && lane.modes !== null) words.push(`${count(lane.modes)} of ${lane.modes_all} modes`);
  if (lane.w1 !== null) words.push(`W1 ${short(lane.w1)}`);
  words.push(`step ${count(lane.at_step === null ? lane.step : lane.at_step)}`);
  set(panel.unit, words.join(" · "));
  panel.box.classList.toggle("wl-failed", lane.status === "failed");
  panel.box.title = lane.failure || "";
}

function drawStrip(state) {
  const { strip, message } = state;
  const lanes = message.progress;
  const p = lanes[0];
  set(strip.status, message.status);
  strip.status.dataset.status = message.status;
  // Progress is that of the lane that is furthest behind, among those that still train if there are any.
  const going = lanes.filter((lane) => lane.live);
  const last = (going.length ? going : lanes).reduce((a, b) => (b.share < a.share ? b : a), going[0] || p);
  const share = p ? last.share : 0;
  strip.fill.style.width = `${100 * share}%`;
  strip.bar.setAttribute("aria-valuenow", String(Math.round(100 * share)));
  set(strip.step, p ? last.progress : "No run yet");
  const items = [];
  const found = message.findings.find((finding) => finding.lane === 0);
  if (p && message.lanes === 0) {
    items.push(["critic steps", count(p.critic_steps)]);
    items.push(["steps/s", p.rate > 0 ? (p.rate < 10 ? p.rate.toFixed(1) : count(p.rate)) : "–"]);
    items.push(["left", p.eta === null ? "–" : duration(p.eta)]);
    if (p.modes_all !== null) items.push(["modes", p.modes === null ? "–" : `${p.modes} of ${p.modes_all}`]);
    if (p.w1 !== null) items.push(["exact W1", `${short(p.w1)} (floor ${short(p.w1_floor)})`]);
    items.push([p.estimate_name, short(p.estimate)]);
    if (p.seeds > 1) items.push(["medians of", `${p.seeds} seeds`]);
    items.push(["on", p.device]);
    items.push(["coach", found ? found.title : "–"]);
  } else if (p) {
    items.push(["data", p.dataset]);
    if (p.seeds > 1) items.push(["each lane", `median of ${p.seeds} seeds`]);
    items.push(["on", p.device]);
    for (const lane of lanes) if (lane.failure) items.push([`${lane.name}:`, lane.failure]);
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
