// The canvas on which points are drawn. What is drawn lives here; after each stroke it is told to the server as text, in the
// form that wgan_core/drawing.py describes: thousandths, two base64url characters a coordinate.

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const VALUES = new Map([...ALPHABET].map((letter, value) => [letter, value]));
const PREFIX = "p1.";
const SIDE = 2000; // half the side of the square, in thousandths
const VIEW = 2120; // what the canvas shows of it, so that a point at the edge is seen whole
const TOOLS = {
  pen: { label: "Pen", help: "Draw a line of points." },
  spray: { label: "Spray", help: "Hold to scatter points." },
  eraser: { label: "Eraser", help: "Take points away." },
};
const SPACING = 70; // between the points of a line
const SPRAY = 280; // radius
const ERASER = 240; // radius
const STEPS_BACK = 60;
// One for each mode, most from Okabe and Ito's palette; the first is that of real data, and none that of generated ones.
const COLOURS = {
  light: ["#0072B2", "#D55E00", "#009E73", "#A6761D", "#6A3D9A", "#56B4E9", "#000000", "#8B4513"],
  dark: ["#56B4E9", "#E69F00", "#2DC79B", "#F0E442", "#B79FEB", "#D55E00", "#FFFFFF", "#C4956A"],
};

const states = new WeakMap(); // the element that Streamlit gave us → what is drawn in it

await new Promise((resolve) => {
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = new URL("draw.css" + new URL(import.meta.url).search, import.meta.url).href;
  link.onload = link.onerror = resolve;
  document.head.appendChild(link);
});

export function show(component) {
  const { parentElement, data } = component;
  let state = states.get(parentElement);
  if (!state) {
    state = mount(parentElement, data);
    states.set(parentElement, state);
  }
  if (state.version !== data.version) {
    if (state.version !== undefined) remember(state);
    state.version = data.version;
    adopt(state, data.points);
    state.told = data.points;
  }
  state.tell = component.setStateValue;
  state.most = data.most;
  // The answer to an older stroke says nothing about the points that have come since.
  if (data.points === pack(state)) state.labels = data.labels;
  draw(state);
}

export function dismiss(parentElement) {
  const state = states.get(parentElement);
  if (!state) return;
  cancelAnimationFrame(state.frame);
  state.observer.disconnect();
  state.root.remove();
  states.delete(parentElement);
}

// --- points as text --------------------------------------------------------------------------------------------

function pack(state) {
  let text = PREFIX;
  for (const value of state.points) {
    const number = value + 2048;
    text += ALPHABET[number >> 6] + ALPHABET[number & 63];
  }
  return text + state.suffix;
}

function adopt(state, text) {
  const [letters, ...suffix] = text.slice(PREFIX.length).split("~");
  state.suffix = suffix.map((number) => "~" + number).join("");
  state.points = [];
  for (let i = 0; i + 1 < letters.length; i += 2) {
    state.points.push(VALUES.get(letters[i]) * 64 + VALUES.get(letters[i + 1]) - 2048);
  }
  state.labels = "";
}

// --- the elements ----------------------------------------------------------------------------------------------

function element(tag, className, parent, text) {
  const made = document.createElement(tag);
  made.className = className;
  if (text !== undefined) made.textContent = text;
  parent.appendChild(made);
  return made;
}

function button(parent, label, help, act) {
  const made = element("button", "wd-button", parent, label);
  made.type = "button";
  made.title = help;
  made.onclick = act;
  return made;
}

function row(parent, label) {
  const made = element("div", "wd-row", parent);
  made.setAttribute("role", "group");
  made.setAttribute("aria-label", label);
  return made;
}

function mount(parent, data) {
  const root = element("div", "wd-root", parent);
  const tools = row(root, "Tools");
  const state = { root, points: [], labels: "", suffix: "", back: [], tool: "pen", at: null, stroke: null, most: data.most };
  state.buttons = Object.fromEntries(
    Object.entries(TOOLS).map(([name, { label, help }]) => [name, button(tools, label, help, () => choose(state, name))]),
  );
  element("span", "wd-gap", tools);
  state.undo = button(tools, "Undo", "Take back the last stroke.", () => undo(state));
  state.clear = button(tools, "Clear", "Take all points away.", () => {
    if (state.points.length) change(state, () => adopt(state, PREFIX));
  });
  state.canvas = element("canvas", "wd-canvas", root);
  state.canvas.setAttribute("role", "img");
  state.canvas.tabIndex = -1; // a click keeps the focus in the dialog
  const shapes = row(root, "Shapes to start from");
  for (const [name, text] of Object.entries(data.shapes)) {
    const label = name[0].toUpperCase() + name.slice(1);
    button(shapes, label, `Start from the shape ${name}.`, () => change(state, () => adopt(state, text)));
  }
  state.note = element("div", "wd-note", root);
  state.note.setAttribute("aria-live", "polite");
  listen(state);
  choose(state, "pen");
  state.observer = new ResizeObserver(() => draw(state));
  state.observer.observe(state.canvas);
  return state;
}

function choose(state, tool) {
  state.tool = tool;
  for (const [name, made] of Object.entries(state.buttons)) made.setAttribute("aria-pressed", String(name === tool));
  draw(state);
}

// --- changes ---------------------------------------------------------------------------------------------------

function change(state, act) {
  remember(state);
  act();
  settle(state);
}

function remember(state) {
  state.back.push([state.points.slice(), state.suffix]);
  if (state.back.length > STEPS_BACK) state.back.shift();
}

function undo(state) {
  const before = state.back.pop();
  if (!before) return;
  [state.points, state.suffix] = before;
  state.labels = "";
  settle(state);
}

// Tell the server what there is now.
function settle(state) {
  draw(state);
  const text = pack(state);
  if (text === state.told) return;
  state.told = text;
  state.tell("drawing", { version: state.version, points: text });
}

function add(state, x, y) {
  if (state.points.length >= 2 * state.most) {
    state.note.textContent = `${state.most.toLocaleString("en")} points are the most.`;
    return;
  }
  const inside = (value) => Math.round(Math.min(SIDE, Math.max(-SIDE, value)));
  state.points.push(inside(x), inside(y));
}

function erase(state, x, y) {
  const kept = [];
  for (let i = 0; i < state.points.length; i += 2) {
    if (Math.hypot(state.points[i] - x, state.points[i + 1] - y) > ERASER) kept.push(state.points[i], state.points[i + 1]);
  }
  if (kept.length === state.points.length) return;
  state.points = kept;
  state.labels = ""; // they counted on the others
  state.note.textContent = "";
}

// --- the pointer -----------------------------------------------------------------------------------------------

function listen(state) {
  const { canvas } = state;
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [
      ((event.clientX - box.left) / box.width - 0.5) * 2 * VIEW,
      (0.5 - (event.clientY - box.top) / box.height) * 2 * VIEW,
    ];
  };
  canvas.onpointerdown = (event) => {
    if (event.button !== 0 || state.stroke !== null) return;
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    remember(state);
    state.stroke = event.pointerId;
    state.at = place(event);
    if (state.tool === "pen") add(state, ...state.at);
    if (state.tool === "eraser") erase(state, ...state.at);
    if (state.tool === "spray") spray(state);
    draw(state);
  };
  canvas.onpointermove = (event) => {
    if (state.stroke !== event.pointerId) {
      if (state.stroke === null && event.pointerType !== "touch") state.at = place(event);
    } else {
      const events = event.getCoalescedEvents?.() ?? [];
      for (const each of events.length ? events : [event]) follow(state, place(each));
    }
    draw(state);
  };
  const end = (event) => {
    if (state.stroke !== event.pointerId) return;
    state.stroke = null;
    if (event.pointerType === "touch") state.at = null;
    settle(state);
  };
  canvas.onpointerup = end;
  canvas.onpointercancel = end;
  canvas.onlostpointercapture = end;
  canvas.onpointerleave = () => {
    if (state.stroke === null) {
      state.at = null;
      draw(state);
    }
  };
}

function follow(state, to) {
  if (state.tool === "spray") state.at = to;
  if (state.tool === "eraser") {
    erase(state, ...to);
    state.at = to;
  }
  if (state.tool === "pen") {
    // Points lie evenly along the line, however fast the hand.
    let [x, y] = state.at;
    const length = Math.hypot(to[0] - x, to[1] - y);
    for (let walked = SPACING; walked <= length; walked += SPACING) {
      x = state.at[0] + ((to[0] - state.at[0]) * walked) / length;
      y = state.at[1] + ((to[1] - state.at[1]) * walked) / length;
      add(state, x, y);
    }
    state.at = [x, y];
  }
}

// One point a frame, as long as the pointer is down.
function spray(state) {
  if (state.stroke === null || state.tool !== "spray") return;
  const angle = 2 * Math.PI * Math.random();
  const radius = SPRAY * Math.sqrt(Math.random());
  add(state, state.at[0] + radius * Math.cos(angle), state.at[1] + radius * Math.sin(angle));
  draw(state);
  state.frame = requestAnimationFrame(() => spray(state));
}

// --- the picture -----------------------------------------------------------------------------------------------

function draw(state) {
  const { canvas, points } = state;
  const side = canvas.clientWidth;
  if (!side) return;
  const scale = window.devicePixelRatio || 1;
  const pixels = Math.round(side * scale);
  if (canvas.width !== pixels) canvas.width = canvas.height = pixels;
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, side, side);
  const ink = getComputedStyle(state.root).color;
  const dark = Number(/[\d.]+/.exec(ink)?.[0] ?? 0) > 128;
  const at = (value) => (0.5 + value / (2 * VIEW)) * side;
  grid(pen, at, side, ink);
  const colours = COLOURS[dark ? "dark" : "light"];
  const radius = Math.max(1.5, side / 180);
  pen.globalAlpha = 0.85;
  for (let i = 0; i < points.length; i += 2) {
    pen.fillStyle = colours[Number(state.labels[i / 2] ?? 0)];
    pen.beginPath();
    pen.arc(at(points[i]), at(-points[i + 1]), radius, 0, 2 * Math.PI);
    pen.fill();
  }
  pen.globalAlpha = 1;
  const reach = { spray: SPRAY, eraser: ERASER }[state.tool];
  if (state.at && reach) {
    pen.strokeStyle = ink;
    pen.beginPath();
    pen.arc(at(state.at[0]), at(-state.at[1]), (reach / (2 * VIEW)) * side, 0, 2 * Math.PI);
    pen.stroke();
  }
  // Not `disabled`: a button that has the focus would lose it, and the dialog would no longer hear the Escape key.
  state.undo.setAttribute("aria-disabled", String(state.back.length === 0));
  state.clear.setAttribute("aria-disabled", String(points.length === 0));
  const count = points.length / 2;
  canvas.setAttribute("aria-label", `${count} points drawn in a square from −2 to 2`);
  canvas.dataset.points = count;
  state.root.dataset.modes = new Set(state.labels).size;
}

function grid(pen, at, side, ink) {
  pen.strokeStyle = "rgba(128,128,128,0.25)";
  pen.lineWidth = 1;
  pen.beginPath();
  for (const value of [-2000, -1000, 0, 1000, 2000]) {
    const place = Math.round(at(value)) + 0.5;
    pen.moveTo(place, 0);
    pen.lineTo(place, side);
    pen.moveTo(0, place);
    pen.lineTo(side, place);
  }
  pen.stroke();
  pen.fillStyle = ink;
  pen.globalAlpha = 0.6;
  pen.font = "11px sans-serif";
  for (const value of [-2, -1, 0, 1, 2]) {
    const name = String(value).replace("-", "−");
    pen.fillText(name, at(1000 * value) + (value === 2 ? -10 : 3), side - 4);
    if (value !== -2) pen.fillText(name, 4, at(-1000 * value) + (value === 2 ? 12 : -3));
  }
  pen.globalAlpha = 1;
}
