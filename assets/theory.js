// A figure of the theory lab: its panels, a sentence that reads its numbers, and the numbers themselves. `show` is called with
// each message, which holds all there is to show; what is drawn already stays.

// The same mark of the version as this file's, so that a browser never mixes versions.
const version = new URL(import.meta.url).search;
const { colours, drawPanel, dropPanel, element, makePanel, plotly, stylesheet, watchTheme } = await import("./panels.js" + version);
const { read } = await import("./live.js" + version);

const states = new WeakMap(); // the element that Streamlit gave us → what is drawn in it

await stylesheet("theory.css");

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
  for (const panel of state.panels.values()) dropPanel(panel);
  state.root.remove();
  states.delete(parentElement);
}

function mount(parent) {
  const root = element("div", "wl-root wt-root", parent);
  const strip = element("div", "wt-strip", root);
  const state = { root, strip, panels: new Map(), message: null };
  state.step = element("span", "wl-item wl-step", strip);
  const bar = element("div", "wl-bar", strip);
  bar.setAttribute("role", "progressbar");
  state.bar = bar;
  state.fill = element("div", "wl-fill", bar);
  state.grid = element("div", "wt-grid", root);
  state.reading = element("p", "wt-reading", root);
  state.reading.setAttribute("aria-live", "polite");
  state.tables = element("div", "wt-tables", root);
  const redraw = () => state.message && colours(root).key !== state.drawnColours && draw(state);
  state.themeWatch = watchTheme(redraw);
  return state;
}

function draw(state) {
  const { message, root } = state;
  set(state.reading, message.reading);
  state.strip.hidden = !message.animated;
  set(state.step, message.step);
  state.fill.style.width = `${100 * message.progress}%`;
  state.bar.setAttribute("aria-valuenow", String(Math.round(100 * message.progress)));
  if (state.figure !== message.figure) {
    // Panels of another figure may have the same name, and nothing else in common.
    for (const panel of state.panels.values()) dropPanel(panel);
    state.panels.clear();
    state.figure = message.figure;
  }
  const panels = message.charts.map((chart) => panelFor(state, chart));
  state.grid.dataset.rows = message.rows;
  drawTables(state, message.tables);
  plotly()
    .then((Plotly) => {
      if (state.message !== message) return; // a newer one has come meanwhile
      const look = colours(root);
      state.drawnColours = look.key;
      root.classList.toggle("wt-dark", look.dark);
      message.charts.forEach((chart, i) => drawPanel(Plotly, panels[i], chart, { view: message.figure, race: false, look }));
      root.dataset.figure = message.figure;
      root.dataset.updates = Number(root.dataset.updates || 0) + 1;
    })
    .catch((error) => {
      for (const panel of panels) panel.hint.textContent = error.message;
    });
}

function panelFor(state, chart) {
  let panel = state.panels.get(chart.name);
  if (!panel) {
    panel = makePanel(chart, state.grid, (name) => `wgan-live-${state.message.figure}-${name}`);
    for (const name of chart.span) panel.box.classList.add(`wt-${name}`);
    state.panels.set(chart.name, panel);
  }
  set(panel.name, chart.title);
  return panel;
}

const set = (node, text) => node.textContent !== text && (node.textContent = text);

// Each table is columns and rows; a cell is a text, or a text with a class of its own.
function styled(cell, parent) {
  return Array.isArray(cell) ? [cell[1], parent, cell[0]] : ["", parent, cell];
}

function drawTables(state, tables) {
  const text = JSON.stringify(tables);
  if (state.drawnTables === text) return;
  state.drawnTables = text;
  state.tables.replaceChildren();
  for (const table of tables) {
    const grid = element("table", "", state.tables);
    if (table.title) element("caption", "", grid, table.title);
    const head = element("tr", "", element("thead", "", grid));
    for (const column of table.columns) element("th", ...styled(column, head));
    const body = element("tbody", "", grid);
    for (const row of table.rows) {
      const line = element("tr", "", body);
      row.forEach((cell, i) => {
        element(i ? "td" : "th", ...styled(cell, line));
      });
    }
  }
}
