// The player: a slider over the whole history, and a button that plays it. What it shows is asked of the server as the
// component's state; the next question waits for the last answer, so that none pile up.

const { element } = await import("./panels.js" + new URL(import.meta.url).search);

const SPEEDS = [1, 3, 10, 30, 100];
const PATIENCE = 2000; // ms until a question is asked again

export function makePlayer(parent, ask) {
  const box = element("div", "wl-player", parent);
  const play = element("button", "wl-play", box, "▶");
  const slider = element("input", "wl-slider", box);
  slider.type = "range";
  slider.step = "any";
  slider.setAttribute("aria-label", "Look back");
  const label = element("span", "wl-at", box);
  const speed = element("select", "wl-speed", box);
  speed.title = "How fast to play: 1× is the time that training took";
  for (const value of SPEEDS) element("option", "", speed, `${value}×`).value = value;
  speed.value = 10;
  const now = element("button", "wl-now", box, "Now");
  now.title = "Follow the run";
  const player = { box, play, slider, label, speed, now, frames: null, run: "", clock: "", wanted: null, at: null, sent: null, asked: 0, playing: 0 };
  slider.oninput = () => {
    pause(player);
    want(player, Number(slider.value) >= Number(slider.max) ? null : Number(slider.value), ask);
  };
  now.onclick = () => {
    pause(player);
    want(player, null, ask);
  };
  play.onclick = () => (player.playing ? pause(player) : start(player, ask));
  return player;
}

// Look at a value of the clock; null follows the run.
export function want(player, value, ask) {
  if (!player.frames) return;
  player.wanted = value;
  show(player);
  // What is shown already has no answer to come: an equal message is not drawn again.
  if (player.sent === null && value !== player.at) send(player, ask);
}

// A question may be lost on its way, and then nothing else would come: it is asked again, under another number, since one
// that is equal to the last would not be sent.
function send(player, ask) {
  const sent = { x: player.wanted };
  player.sent = sent;
  player.askedAt = performance.now();
  player.asked += 1;
  ask({ run: player.run, clock: player.clock, x: player.wanted, asked: player.asked });
  setTimeout(() => player.sent === sent && player.box.isConnected && send(player, ask), PATIENCE);
}

// A message has been drawn: it answers the last question, or comes by itself.
export function answered(player, message, ask) {
  const { run, clock, frames, at } = message;
  if (run !== player.run || clock !== player.clock) {
    pause(player);
    Object.assign(player, { run, clock, wanted: null, sent: null });
  }
  Object.assign(player, { frames, at });
  if (player.sent !== null && player.sent.x === at) {
    player.box.dataset.answer = String(Math.round(performance.now() - player.askedAt));
    player.sent = null;
    if (player.wanted !== at) send(player, ask);
  } else if (player.sent === null && player.wanted !== at) {
    player.wanted = at;
  }
  show(player);
}

function show(player) {
  const { frames, slider, wanted } = player;
  player.box.classList.toggle("wl-off", !frames);
  for (const control of [player.play, slider, player.speed, player.now]) control.disabled = !frames;
  if (!frames) {
    player.label.textContent = "";
    return;
  }
  slider.min = frames.x[0];
  slider.max = frames.x[frames.x.length - 1];
  slider.value = wanted === null ? slider.max : wanted;
  const unit = { step: "step ", critic_steps: "critic step ", seconds: "" }[player.clock];
  const value = Number(slider.value);
  const text = player.clock === "seconds" ? `${value.toFixed(1)} s` : Math.floor(value).toLocaleString("en");
  player.label.textContent = wanted === null ? "now" : unit + text;
  player.now.disabled = wanted === null;
  player.box.classList.toggle("wl-back", wanted !== null);
}

function start(player, ask) {
  const { frames } = player;
  if (!frames) return;
  let position = seconds(frames, player.wanted === null ? frames.x[0] : player.wanted);
  let before = performance.now();
  let shown = -1;
  player.play.textContent = "❚❚";
  player.playing = setInterval(() => {
    const { x, seconds: times } = player.frames;
    const moment = performance.now();
    if (player.sent === null) position += ((moment - before) / 1000) * Number(player.speed.value);
    before = moment;
    let i = times.findIndex((time) => time > position);
    if (i < 0) i = times.length;
    if (i >= times.length) {
      pause(player);
      want(player, null, ask);
    } else if (i - 1 !== shown) {
      shown = i - 1;
      want(player, x[Math.max(0, shown)], ask);
    }
  }, 50);
}

function seconds({ x, seconds: times }, value) {
  let i = x.findIndex((at) => at > value);
  if (i < 0) i = x.length;
  return times[Math.max(0, i - 1)];
}

export function pause(player) {
  clearInterval(player.playing);
  player.playing = 0;
  player.play.textContent = "▶";
}
