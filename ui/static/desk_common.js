// What the parts of the desk share: words, nodes, calls to /api/v1/staff, and when something changed.
// Each part is a gr.HTML component run with (element, trigger, props, server, watch). Texts become text nodes only.

const language = [...navigator.languages].map((code) => code.slice(0, 2)).find((code) => code in props.words) ?? "en";
const words = props.words[language];

function say(name, values = {}) {
  return (words[name] ?? name).replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
}

function button(label, onclick, kind = "") {
  return h("button", { type: "button", class: `btn ${kind}`, onclick }, label);
}

// One of our codes in words; anything else (a customer's own reason) as it is.
function coded(prefix, code) {
  return words[`${prefix}_${code}`] ?? String(code);
}

function ago(iso) {
  const minutes = Math.max(0, Math.floor((Date.now() - Date.parse(iso)) / 60000));
  if (minutes < 1) return say("now");
  if (minutes < 60) return say("minutes", { n: minutes });
  if (minutes < 48 * 60) return say("hours", { n: Math.floor(minutes / 60) });
  return say("days", { n: Math.floor(minutes / 1440) });
}

function clock(iso) {
  const at = new Date(iso);
  const today = at.toDateString() === new Date().toDateString();
  const time = { hour: "2-digit", minute: "2-digit" };
  return at.toLocaleString(language, today ? time : { month: "short", day: "numeric", ...time });
}

const percent = (share) => `${Math.round(100 * share)} %`;

function toLogin() {
  window.location.assign("/desk/login");
}

async function call(path, body) {
  const request = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  let answer;
  try {
    answer = await fetch(`/api/v1/staff${path}`, { ...request, headers: { "Content-Type": "application/json" }, signal: AbortSignal.timeout(20000) });
  } catch {
    throw new Error(say("no_server"));
  }
  const data = await answer.json();
  if (answer.status === 401) toLogin();
  if (!answer.ok) throw new Error(data.error?.message ?? String(answer.status));
  return data;
}

let toastTimer = null;

function toast(text, bad = false) {
  document.querySelector(".desk-toast")?.remove();
  const shown = h("div", { class: `desk-toast ${bad ? "bad" : ""}`, role: bad ? "alert" : "status" }, text);
  document.body.append(shown);
  window.clearTimeout(toastTimer);
  toastTimer = window.setTimeout(() => shown.remove(), 6000);
}

// Runs a deed once, however often its button is pressed; a failure is told in words.
async function attempt(deed, pressed = null) {
  if (pressed?.disabled) return;
  if (pressed) pressed.disabled = true;
  try {
    await deed();
  } catch (error) {
    toast(say("problem", { message: error.message }), true);
  } finally {
    if (pressed) pressed.disabled = false;
  }
}

// Calls `look` whenever the server says that something changed, and now and then in any case.
function follow(look, seconds) {
  const stream = new EventSource("/api/v1/staff/events");
  stream.addEventListener("changed", look);
  const timer = window.setInterval(() => {
    if (!element.isConnected) {
      stream.close();
      window.clearInterval(timer);
    } else if (!document.hidden) look();
  }, 1000 * seconds);
}

function ask(text, yes) {
  return new Promise((resolve) => {
    const dialog = h("dialog", { class: "desk-ask", onclose: () => (dialog.remove(), resolve(dialog.returnValue === "yes")) });
    dialog.append(
      h("p", {}, text),
      h("div", { class: "actions" }, button(say("cancel"), () => dialog.close("no")), button(yes, () => dialog.close("yes"), "primary")),
    );
    document.body.append(dialog);
    dialog.showModal();
  });
}
