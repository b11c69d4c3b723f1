// The web chat, run by its gr.HTML component with (element, trigger, props, server, upload, watch).
// Everything a person, a document or a model wrote becomes text nodes and listed elements, never HTML.

const STORE = "assistant.conversation";
const LANGUAGE = "assistant.language";
const DRAFT = "assistant.draft"; // this window only: what is being written,
const PENDING = "assistant.pending"; // and the message being answered with how often that was tried
const SILENCE_MS = 6000; // the server gives a sign of life twice a second while it works
const TRIES = 3; // after a lost connection
const CALL_MS = 15000;
const NEWS_MS = 4000;
const LONGEST = props.longest;
const quiet = window.matchMedia("(prefers-reduced-motion: reduce)");

const state = {
  language: chosenLanguage(),
  known: load(STORE), // {conversation, token}
  conversation: "assistant", // who answers: assistant, waiting, person, closed
  questions: [],
  turn: null, // the reply under way: {id, text, row, answer, timer, beat}
  last: null, // id of the last message shown
};

// ---- small helpers -------------------------------------------------------------------------------------------

function load(key, storage = "localStorage") {
  try {
    return JSON.parse(window[storage].getItem(key));
  } catch {
    return null; // storage is switched off: the chat works, only nothing is remembered
  }
}

function save(key, value, storage = "localStorage") {
  try {
    if (value === null) window[storage].removeItem(key);
    else window[storage].setItem(key, JSON.stringify(value));
  } catch {
    return;
  }
}

function chosenLanguage() {
  const languages = [load(LANGUAGE), ...navigator.languages].map((code) => String(code).slice(0, 2).toLowerCase());
  return languages.find((code) => Object.hasOwn(props.words, code)) ?? "en";
}

function say(name, values = {}) {
  const filled = { company: props.company, ...values };
  return props.words[state.language][name].replace(/\{(\w+)\}/g, (_, key) => filled[key] ?? "");
}

const ICONS = {
  send: "M12 19V5M5 12l7-7 7 7",
  plus: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6L6 18",
  down: "M12 5v14M5 12l7 7 7-7",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20a7.5 7.5 0 0 1 15 0",
  up: "M7 10v10H4V10zM7 10l4-7c1.7 0 2.6 1.3 2.3 2.9L12.700 9H18a2 2 0 0 1 2 2.400l-1.300 7A2 2 0 0 1 16.700 20H7",
  document: "M7 3h7l4 4v14H7zM14 3v4h4M10 12h5M10 16h5",
  again: "M4 12a8 8 0 1 1 2.300 5.700M4 12V6M4 12h6",
};

function icon(name) {
  return drawing(ICONS[name]);
}

async function call(name, data = {}) {
  const late = new Promise((resolve) => window.setTimeout(resolve, CALL_MS));
  const answer = await Promise.race([server[name]({ ...state.known, ...data }), late]);
  if (answer == null) throw { code: "connection" };
  if (answer.problem) throw answer.problem;
  return answer;
}

function explain(problem) {
  switch (problem?.code) {
    case "rate_limited":
      return say("problem_rate", { number: problem.retry_after ?? 10 });
    case "overloaded":
      return say("problem_busy");
    case "unavailable":
      return say("problem_unavailable");
    case "unauthorized":
    case "not_found":
      return say("problem_gone");
    case "conflict":
      return say("problem_closed");
    case "too_large":
      return say("problem_too_long", { number: LONGEST });
    case "internal":
      return say("problem_incident", { incident: problem.incident });
    default:
      return say("problem_connection");
  }
}
