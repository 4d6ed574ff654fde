// What one sees of a generator: tiles of images, which may be frames of a film, and charts. `show` is called with each message,
// which holds all there is to show; what is drawn already stays.

// The same mark of the version as this file's, so that a browser never mixes versions.
const version = new URL(import.meta.url).search;
const { colours, drawPanel, dropPanel, element, makePanel, plotly, stylesheet, watchTheme } = await import("./panels.js" + version);
const { read } = await import("./live.js" + version);

const FRAMES_A_SECOND = 12;
const GAP = 2; // pixels between the tiles of a saved picture
const states = new WeakMap(); // the element that Streamlit gave us → what is drawn in it

await stylesheet("samples.css");

export function show({ parentElement, data, setTriggerValue }) {
  let state = states.get(parentElement);
  if (!state) {
    state = mount(parentElement);
    states.set(parentElement, state);
  }
  state.tell = (picked) => setTriggerValue("picked", picked);
  state.message = read(data);
  draw(state);
}

export function dismiss(parentElement) {
  const state = states.get(parentElement);
  if (!state) return;
  state.themeWatch.disconnect();
  for (const panel of state.panels.values()) drop(panel);
  state.root.remove();
  states.delete(parentElement);
}

function mount(parent) {
  const root = element("div", "wl-root ws-root", parent);
  const state = { root, grid: element("div", "ws-grid", root), panels: new Map(), message: null, view: "" };
  const redraw = () => state.message && colours(root).key !== state.drawnColours && draw(state);
  state.themeWatch = watchTheme(redraw);
  return state;
}

function drop(panel) {
  pause(panel);
  if (panel.tiles) panel.box.remove();
  else dropPanel(panel);
}

function draw(state) {
  const { message, root } = state;
  if (state.view !== message.view) {
    // Panels of another view may have the same name, and nothing else in common.
    for (const panel of state.panels.values()) drop(panel);
    state.panels.clear();
    state.view = message.view;
  }
  root.dataset.view = message.view;
  const fileName = (name) => `wgan-live-${state.message.file}-${name}`;
  const drawn = message.charts.map((chart) => {
    let panel = state.panels.get(chart.name);
    if (!panel) {
      panel = chart.tiles ? makeTiles(chart, state, fileName) : makePanel(chart, state.grid, fileName);
      panel.box.classList.add("ws-panel", chart.tiles ? "ws-pictures" : "ws-chart");
      panel.box.style.setProperty("--span", chart.span);
      if (!chart.tiles && chart.film) panel.film = makePlayer(panel, panel.box.insertBefore(element("div", "ws-player"), panel.plot), (at) => moveChart(panel, at));
      state.panels.set(chart.name, panel);
    }
    if (panel.name.textContent !== chart.title) panel.name.textContent = chart.title;
    if (panel.unit.textContent !== chart.unit) panel.unit.textContent = chart.unit;
    return chart.tiles ? drawTiles(panel, chart) : drawChart(state, message, panel, chart);
  });
  Promise.all(drawn)
    .then(() => {
      if (state.message === message) root.dataset.updates = Number(root.dataset.updates || 0) + 1;
    })
    .catch((error) => {
      for (const panel of state.panels.values()) if (panel.hint) panel.hint.textContent = error.message;
    });
}

// --- charts ----------------------------------------------------------------------------------------------------

async function drawChart(state, message, panel, chart) {
  const Plotly = await plotly();
  if (state.message !== message) return; // a newer one has come meanwhile
  const look = colours(state.root);
  state.drawnColours = look.key;
  drawPanel(Plotly, panel, chart, { view: message.view, race: false, look });
  if (panel.film) frames(panel.film, chart.film.x.length);
}

// The points of one trace, between two frames.
function moveChart(panel, at) {
  const { trace, x, y } = panel.chart.film;
  const now = Math.floor(at) % x.length;
  const next = (now + 1) % x.length;
  const mixed = (rows) => Array.from(rows[now], (value, i) => value + (at - Math.floor(at)) * (rows[next][i] - value));
  window.Plotly.restyle(panel.plot, { x: [mixed(x)], y: [mixed(y)] }, [trace]);
}

// --- tiles -----------------------------------------------------------------------------------------------------

function makeTiles(chart, state, fileName) {
  const box = element("section", "wl-panel", state.grid);
  box.dataset.chart = chart.name;
  const head = element("header", "wl-head", box);
  const title = element("h4", "wl-title", head);
  const name = element("span", "wl-chart-name", title, chart.title);
  const unit = element("span", "wl-unit", title, chart.unit);
  const png = element("button", "wl-button", head, "PNG");
  png.title = "Download the picture as PNG";
  const help = element("details", "wl-help", head);
  element("summary", "wl-button", help, "?").title = "What is this?";
  const text = element("div", "wl-help-text", help);
  element("p", "", text, chart.help);
  element("p", "wl-source", text, "Source: " + chart.source);
  const panel = { box, name, unit, tiles: [], sides: [], drawnTag: "" };
  if (chart.tiles.frames > 1) panel.film = makePlayer(panel, element("div", "ws-player", box), (at) => moveTiles(panel, at));
  panel.heads = element("div", "ws-heads", box);
  panel.body = element("div", "ws-tiles", box);
  panel.pick = (index) => state.tell({ panel: chart.name, index });
  png.onclick = () => savePng(panel, fileName(chart.name));
  return panel;
}

async function drawTiles(panel, chart) {
  const { tiles } = chart;
  panel.chart = chart;
  if (panel.drawnTag === chart.tag) return;
  const sheet = new Image();
  sheet.src = tiles.source;
  await sheet.decode();
  if (panel.chart !== chart) return;
  panel.sheet = sheet;
  panel.drawnTag = chart.tag;
  const rows = Math.ceil(tiles.count / tiles.columns);
  panel.body.style.setProperty("--columns", tiles.columns);
  panel.box.style.setProperty("--shape", (tiles.columns * tiles.size[0]) / (rows * tiles.size[1]));
  panel.heads.style.setProperty("--columns", tiles.columns);
  panel.heads.replaceChildren(...tiles.heads.map((word) => element("span", "", null, word)));
  panel.box.classList.toggle("ws-sided", tiles.sides.length > 0);
  for (const side of panel.sides) side.remove();
  panel.sides = tiles.sides.map((word, row) => {
    const side = element("span", "ws-side", panel.body, word);
    side.style.gridRow = row + 1;
    return side;
  });
  while (panel.tiles.length > tiles.count) panel.tiles.pop().box.remove();
  while (panel.tiles.length < tiles.count) panel.tiles.push(makeTile(panel, tiles, panel.tiles.length));
  panel.tiles.forEach((tile, i) => {
    [tile.canvas.width, tile.canvas.height] = tiles.size;
    tile.label.textContent = tiles.labels[i] ?? "";
    tile.label.hidden = !tiles.labels.length;
    tile.mark.textContent = tiles.marks[i] ?? "";
    tile.mark.hidden = !(i in tiles.marks);
    tile.box.classList.toggle("ws-marked", i in tiles.marks);
    tile.box.style.gridArea = `${Math.floor(i / tiles.columns) + 1} / ${(i % tiles.columns) + (tiles.sides.length ? 2 : 1)}`;
    tile.canvas.setAttribute("aria-label", tiles.says[i] ?? `${chart.title}, ${i}`);
  });
  if (panel.film) frames(panel.film, tiles.frames);
  moveTiles(panel, panel.film ? panel.film.at : 0);
}

function makeTile(panel, tiles, i) {
  const box = element("figure", "ws-tile", panel.body);
  const holder = tiles.pick ? element("button", "ws-pick", box) : box;
  const canvas = element("canvas", "", holder);
  canvas.setAttribute("role", "img");
  const mark = element("span", "ws-mark", box);
  const label = element("figcaption", "", box);
  if (tiles.pick) holder.onclick = () => panel.pick(i);
  return { box, canvas, label, mark };
}

// Tile k of frame f is the (f · count + k)-th of the sheet, which has as many columns as there are tiles.
function moveTiles(panel, at) {
  const { count, frames: all, size } = panel.chart.tiles;
  const now = Math.floor(at) % all;
  panel.tiles.forEach((tile, k) => {
    const pen = tile.canvas.getContext("2d");
    const place = (frame, opacity) => {
      pen.globalAlpha = opacity;
      pen.drawImage(panel.sheet, k * size[0], frame * size[1], ...size, 0, 0, ...size);
    };
    pen.clearRect(0, 0, ...size);
    place(now, 1);
    if (at > Math.floor(at)) place((now + 1) % all, at - Math.floor(at));
  });
}

function savePng(panel, filename) {
  if (!panel.sheet) return;
  const { columns, count, size } = panel.chart.tiles;
  const paper = document.createElement("canvas");
  paper.width = columns * (size[0] + GAP) + GAP;
  paper.height = Math.ceil(count / columns) * (size[1] + GAP) + GAP;
  const pen = paper.getContext("2d");
  pen.fillStyle = "#808080";
  pen.fillRect(0, 0, paper.width, paper.height);
  panel.tiles.forEach(({ canvas }, i) => {
    pen.drawImage(canvas, GAP + (i % columns) * (size[0] + GAP), GAP + Math.floor(i / columns) * (size[1] + GAP));
  });
  paper.toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = filename + ".png";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
}

// --- films -----------------------------------------------------------------------------------------------------

// The server made a few frames, and the browser goes round and round between them.
function makePlayer(panel, box, move) {
  const film = { at: 0, count: 1, playing: 0, move };
  film.play = element("button", "ws-play", box, "▶");
  film.play.setAttribute("aria-label", "Play");
  film.slider = element("input", "wl-slider", box);
  Object.assign(film.slider, { type: "range", min: 0, max: 0, step: "any", value: 0 });
  film.slider.setAttribute("aria-label", "Place on the walk");
  film.slider.oninput = () => {
    pause(panel);
    go(film, Number(film.slider.value));
  };
  film.play.onclick = () => (film.playing ? pause(panel) : start(panel));
  return film;
}

function frames(film, count) {
  film.count = count;
  film.slider.max = count;
  film.at = Math.min(film.at, count);
}

function go(film, at) {
  film.at = at;
  film.slider.value = at;
  film.move(at);
}

function start(panel) {
  const { film } = panel;
  film.play.textContent = "❚❚";
  let before = performance.now();
  const tick = (now) => {
    go(film, (film.at + ((now - before) / 1000) * FRAMES_A_SECOND) % film.count);
    before = now;
    film.playing = requestAnimationFrame(tick);
  };
  film.playing = requestAnimationFrame(tick);
}

function pause(panel) {
  if (!panel.film) return;
  cancelAnimationFrame(panel.film.playing);
  panel.film.playing = 0;
  panel.film.play.textContent = "▶";
}
