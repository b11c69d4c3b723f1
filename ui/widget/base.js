// The chat widget for other people's pages. The server joins the files of this folder with ui/static/nodes.js and
// chat_text.js into one function (ui/widget_pages.py) and puts CONFIG and CSS before them; there is no build step.
// Everything a person, a document or a model wrote becomes text nodes and listed elements, never HTML.

const script = document.currentScript ?? document.querySelector("script[src*='/widget.js']");
const HOST = new URL(script.src, location.href).origin;
const options = { ...script.dataset };
const FRAMED = options.mode === "frame"; // we are the page inside the iframe
const STORE = `assistant.widget.${options.siteKey ?? "own"}`;
const WORDS = CONFIG.words;

// What survives a reload: {id, token, user, seen, open, outbox: [{id, text}]}.
const memory = load();

function load() {
  try {
    return JSON.parse(localStorage.getItem(STORE)) ?? {};
  } catch {
    return {}; // storage is switched off: the chat works, only nothing is remembered
  }
}

function save(changes) {
  Object.assign(memory, changes);
  try {
    localStorage.setItem(STORE, JSON.stringify(memory));
  } catch {
    return;
  }
}

function chosenLocale() {
  const wanted = [options.locale, document.documentElement.lang, ...navigator.languages];
  return wanted.map((code) => String(code).slice(0, 2).toLowerCase()).find((code) => Object.hasOwn(WORDS, code)) ?? "en";
}

function say(name, values = {}) {
  const words = { company: options.title ?? CONFIG.company, ...values };
  return WORDS[state.locale][name].replace(/\{(\w+)\}/g, (whole, key) => words[key] ?? whole);
}

const ICONS = {
  chat: "M4 5h16v11H9l-5 4z",
  send: "M12 19V5M5 12l7-7 7 7",
  stop: "M7 7h10v10H7z",
  plus: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6L6 18",
  down: "M6 9l6 6 6-6",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.500 20a7.500 7.500 0 0 1 15 0",
  up: "M7 10v10H4V10zM7 10l4-7c1.700 0 2.600 1.300 2.300 2.900L12.700 9H18a2 2 0 0 1 2 2.400l-1.300 7A2 2 0 0 1 16.700 20H7",
  star: "M12 4l2.400 5 5.600.700-4 3.900 1 5.500-5-2.700-5 2.700 1-5.500-4-3.900 5.600-.700z",
};

function icon(name) {
  return drawing(ICONS[name]);
}

function button(kind, label, sign, onclick, more = {}) {
  return h("button", { class: kind, type: "button", "aria-label": label, title: label, onclick, ...more }, icon(sign));
}

// Tells the page: `assistant:open`, `assistant:message` and so on, on window; never with what anybody wrote.
function announce(name, detail = {}) {
  if (FRAMED) window.parent.postMessage({ assistant: "event", name, detail }, options.parent);
  else window.dispatchEvent(new CustomEvent(`assistant:${name}`, { detail }));
  for (const heard of listeners[name] ?? []) heard(detail);
}

const listeners = {};
const state = {
  locale: chosenLocale(),
  who: "assistant", // who answers: assistant, waiting, person, closed
  person: null, // the name of that person
  user: null, // a visitor token, or a function that fetches a fresh one from the shop's own server
  attributes: {},
  open: false,
  unread: 0,
  turn: null, // the message being answered: {item, row, control}
  last: null, // id of the newest message the feed has brought
  typist: null,
  questions: null,
  rated: false,
  ending: false, // the visitor has ended it; what was sent before is still on its way
};
