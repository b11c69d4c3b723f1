// Start: the element on the page, its colours, and the commands pages give with AssistantWidget("command", …).

const host = document.createElement("assistant-widget");
const colours = new CSSStyleSheet();
const READABLE = 5.4; // 4.5 is asked for, and our papers and tints are a little darker than white

function luminance(colour) {
  const linear = [1, 3, 5]
    .map((at) => parseInt(colour.slice(at, at + 2), 16) / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
}

function contrast(one, other) {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

// The chosen colour, mixed towards black or white until it can be read on `paper` (as ui/accent.py does).
function readable(colour, paper, towards) {
  for (let step = 0; step <= 20; step += 1) {
    const mixed = [1, 3, 5].map((at) => {
      const [a, b] = [colour, towards].map((hex) => parseInt(hex.slice(at, at + 2), 16));
      return Math.round(a + ((b - a) * step) / 20)
        .toString(16)
        .padStart(2, "0");
    });
    const found = `#${mixed.join("")}`;
    if (contrast(found, paper) >= READABLE) return found;
  }
  return towards;
}

function drawColours() {
  const colour = /^#[0-9a-f]{6}$/i.test(options.accent ?? "") ? options.accent : CONFIG.accent;
  const rule = (where, accent) =>
    `${where}{--accent:${accent};--on-accent:${contrast(accent, "#ffffff") >= contrast(accent, "#10100f") ? "#ffffff" : "#10100f"}}`;
  colours.replaceSync(
    rule(".root", readable(colour, "#ffffff", "#10100f")) + rule(".root.dark", readable(colour, "#1d2020", "#ffffff")),
  );
}

const commands = {
  open,
  close,
  toggle,
  // A visitor token from the shop's own server, or a function (it may be async) that fetches one when it is needed.
  setUser(user) {
    const who = typeof user === "string" ? subject(user) : null;
    if (typeof user === "string" && memory.id && memory.user !== who) commands.reset();
    if (user === null) commands.reset();
    state.user = user;
  },
  setAttributes(attributes) {
    const texts = Object.entries(attributes).map(([name, value]) => [name, String(value)]);
    Object.assign(state.attributes, Object.fromEntries(texts));
    if (memory.id) call("POST", `/conversations/${memory.id}/attributes`, { attributes: Object.fromEntries(texts) }).catch(() => {});
  },
  setLocale(locale) {
    options.locale = locale;
    state.locale = chosenLocale();
    redraw();
  },
  setTheme(theme) {
    options.theme = theme;
    drawTheme();
  },
  // Forgets the conversation and who the visitor is, as after logging out.
  reset() {
    state.user = null;
    state.attributes = {};
    restart();
  },
  on(name, heard) {
    (listeners[name] ??= []).push(heard);
  },
  off(name, heard) {
    listeners[name] = (listeners[name] ?? []).filter((other) => other !== heard);
  },
};

function obey(name, ...values) {
  const command = Object.hasOwn(commands, name) ? commands[name] : null;
  if (!command) throw new Error(`AssistantWidget: there is no command ${JSON.stringify(name)}`);
  return command(...values);
}

function start() {
  const queued = window.AssistantWidget?.q ?? [];
  window.AssistantWidget = Object.assign(obey, { loaded: true });
  if (options.mode === "iframe") startFrame();
  else startHere();
  for (const words of queued) obey(...words);
  announce("ready");
}

function startHere() {
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(CSS);
  root.adoptedStyleSheets = [sheet, colours];
  drawColours();
  draw();
  root.append(view.root);
  document.body.append(host);
  if (options.visitorToken) commands.setUser(options.visitorToken);
  dark.addEventListener("change", drawTheme);
  narrow.addEventListener("change", drawLauncher);
  addEventListener("online", () => (online(true), tryNow()));
  addEventListener("offline", () => (online(false), feed?.abort()));
  addEventListener("pageshow", (event) => event.persisted && tryNow());
  if (FRAMED) hearParent();
  resume();
  if (options.open === "true" || (memory.open && !narrow.matches)) open();
  drawComposer();
}

if (!window.AssistantWidget?.loaded) {
  if (document.body) start();
  else addEventListener("DOMContentLoaded", start);
}
