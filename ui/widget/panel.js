// The launcher, the panel and what opens inside it. Built once for each language; `view` holds its parts.

const view = {};
const narrow = matchMedia("(max-width: 480px)");
const dark = matchMedia("(prefers-color-scheme: dark)");
let following = true; // the log is read at its end

function draw() {
  view.log = h("div", { class: "log", role: "log", "aria-live": "off", "aria-label": say("conversation"), tabindex: "0" });
  view.log.addEventListener("scroll", () => {
    following = view.log.scrollHeight - view.log.scrollTop - view.log.clientHeight < 60;
  });
  view.end = h("div", { class: "end" });
  view.log.append(view.end);
  view.banner = h("div", { class: "banner", role: "status", dir: "auto" });
  view.told = h("div", { class: "unseen", role: "status" }); // what a screen reader is told
  view.composer = composer();
  view.main = h("div", { class: "main" }, header(), view.banner, view.log, view.composer);
  view.panel = h("section", { class: "panel", role: "dialog", "aria-label": say("title"), id: "panel", hidden: true }, view.main, view.told);
  view.panel.addEventListener("keydown", atKey);
  view.launcher = h("button", { class: "launcher", type: "button", "aria-controls": "panel", onclick: () => toggle() });
  view.root = h("div", { class: "root", lang: state.locale === "zh" ? "zh-Hans" : state.locale }, view.panel, view.launcher);
  drawTheme();
  drawLauncher();
}

// In another language, everything is built anew; what is known stays.
function redraw() {
  const old = view.root;
  const text = view.input?.value ?? "";
  view.contact = null;
  draw();
  old?.replaceWith(view.root);
  view.input.value = text;
  for (const row of rows) {
    row.node = rowOf(row.message);
    view.log.insertBefore(row.node, view.end);
  }
  if (state.turn) view.log.insertBefore(state.turn.row.node, view.end);
  if (state.open) showPanel(false);
  drawBanner();
  drawComposer();
  drawTyping();
  if (!rows.length) welcome();
}

function drawTheme() {
  const theme = options.theme ?? "auto";
  view.root.classList.toggle("dark", theme === "dark" || (theme === "auto" && dark.matches));
  view.root.classList.toggle("left", options.position === "left");
  view.root.classList.toggle("framed", FRAMED);
  view.root.dir = options.dir ?? getComputedStyle(document.documentElement).direction;
}

function header() {
  return h(
    "header",
    {},
    h("span", { class: "mark", "aria-hidden": "true" }, (options.title ?? CONFIG.company).slice(0, 1)),
    h("h2", { dir: "auto" }, options.title ?? CONFIG.company),
    (view.person = h(
      "button",
      { class: "pill", type: "button", title: say("talk_to_person"), "aria-label": say("talk_to_person"), onclick: openPerson },
      icon("person"),
      say("person"),
    )),
    button("plain", say("close_chat"), "down", () => close()),
  );
}

function drawLauncher() {
  const label = state.open ? say("close_chat") : say("open_chat");
  const news = state.unread ? `, ${say("unread", { number: state.unread })}` : "";
  view.launcher.setAttribute("aria-label", label + news);
  view.launcher.setAttribute("aria-expanded", String(state.open));
  view.launcher.replaceChildren(icon(state.open ? "down" : "chat"));
  if (state.unread) view.launcher.append(h("span", { class: "badge", "aria-hidden": "true" }, state.unread > 9 ? "9+" : String(state.unread)));
  view.launcher.hidden = options.launcher === "none" || ((narrow.matches || FRAMED) && state.open);
}

function drawBanner() {
  view.closing?.remove();
  view.closing = null;
  const words = { waiting: say("waiting"), person: say("with_name", { name: state.person || say("colleague") }) };
  view.banner.textContent = words[state.who] ?? "";
  if (state.who === "closed" && rows.length) {
    view.closing = ending();
    view.log.insertBefore(view.closing, view.end);
    keepUp();
  }
  view.told.textContent = state.who === "closed" ? say("closed") : "";
  drawWaiting();
}

function online(is) {
  const word = is ? "" : say("problem_connection");
  if (!["waiting", "person"].includes(state.who)) view.banner.textContent = word;
  else if (is) drawBanner();
  else view.banner.textContent = word;
}

let many = false; // rows are being added at once: where the log ends is worked out when they are all there

function keepUp() {
  if (following && !many) view.log.scrollTop = view.log.scrollHeight;
}

function together(work) {
  many = true;
  try {
    work();
  } finally {
    many = false;
  }
  keepUp();
}

function tell(text) {
  view.told.textContent = text;
}

// ---- opening and closing -------------------------------------------------------------------------------------

function open() {
  if (state.open) return;
  state.open = true;
  save({ open: !narrow.matches });
  showPanel(true);
  if (state.unread) count(0);
  seen();
  follow();
  announce("open");
}

function showPanel(focus) {
  view.panel.hidden = false;
  view.panel.toggleAttribute("aria-modal", narrow.matches);
  if (narrow.matches) view.panel.setAttribute("aria-modal", "true");
  drawLauncher();
  drawComposer();
  if (!rows.length) welcome();
  following = true;
  keepUp();
  if (focus) (state.who === "closed" ? view.panel.querySelector(".closing button") : view.input)?.focus();
}

function close() {
  if (!state.open) return;
  state.open = false;
  save({ open: false });
  view.panel.hidden = true;
  drawLauncher();
  view.launcher.focus();
  follow();
  announce("close");
}

function toggle() {
  if (state.open) close();
  else open();
}

function atKey(event) {
  if (event.key === "Escape") {
    event.stopPropagation();
    if (view.sheet) closeSheet();
    else close();
  }
  if (event.key !== "Tab" || !(narrow.matches || view.sheet)) return;
  const all = [...(view.sheet ?? view.panel).querySelectorAll("button, textarea, a[href], [tabindex='0']")].filter(
    (node) => node.offsetParent !== null && !node.disabled,
  );
  const at = host.shadowRoot.activeElement;
  const leaves = event.shiftKey ? at === all[0] || at === view.sheet : at === all.at(-1);
  if (!leaves) return;
  event.preventDefault();
  all.at(event.shiftKey ? -1 : 0)?.focus();
}

async function welcome() {
  view.welcome?.remove();
  const box = h("div", { class: "welcome" }, h("p", { class: "hello", dir: "auto" }, options.greeting ?? say("greeting")), h("p", { dir: "auto" }, say("invitation")));
  view.welcome = box;
  view.log.insertBefore(box, view.end);
  if (state.questions?.locale !== state.locale) {
    const site = options.siteKey ? `&site_key=${encodeURIComponent(options.siteKey)}` : "";
    try {
      const found = await (await call("GET", `/widget?language=${state.locale}${site}`)).json();
      state.questions = { locale: state.locale, list: found.questions };
    } catch (problem) {
      if (problem.code === "forbidden") box.append(h("p", { class: "after", role: "alert" }, explain(problem)));
      return;
    }
  }
  box.append(...state.questions.list.map(reply));
  keepUp();
}

// ---- sheets: what covers the panel for a moment ------------------------------------------------------------------

function sheet(title, ...content) {
  closeSheet();
  const back = host.shadowRoot.activeElement;
  const top = h("div", { class: "top" }, h("h2", { id: "sheet-title", dir: "auto" }, title), button("plain", say("close"), "close", closeSheet));
  view.sheet = h("div", { class: "sheet", role: "dialog", "aria-modal": "true", "aria-labelledby": "sheet-title", tabindex: "-1" }, top, ...content);
  view.sheet.back = back;
  view.main.inert = true;
  view.panel.append(view.sheet);
  view.sheet.focus();
}

function closeSheet() {
  if (!view.sheet) return;
  view.main.inert = false;
  view.sheet.remove();
  view.sheet.back?.focus();
  view.sheet = null;
}

async function openSource(message, number) {
  const body = h("div", { class: "source", tabindex: "0" }, dots(say("typing")));
  sheet(message.sources[number - 1].title, body);
  try {
    const found = await (await call("GET", `/messages/${message.id}/sources/${number}`)).json();
    const text = h("div", { class: "text", dir: "auto" });
    show(text, found.blocks);
    const place = [...found.headings, found.page && say("page", { number: found.page }), found.row && say("row", { number: found.row })];
    body.replaceChildren(h("p", { class: "place", dir: "auto" }, place.filter(Boolean).join(" › ")), text);
    if (found.question) text.prepend(h("p", { class: "heading" }, found.question));
    if (found.changed) body.append(h("p", { class: "fine" }, say("source_gone")));
    else for (const quote of found.quotes) mark(text, quote);
    body.append(h("p", { class: "fine file", dir: "auto" }, found.file));
    if (found.url && LINK.test(found.url))
      body.append(h("a", { href: found.url, target: "_blank", rel: "noopener noreferrer nofollow" }, say("open_page")));
    body.querySelector("mark")?.scrollIntoView({ block: "center" });
  } catch (problem) {
    body.replaceChildren(after(explain(problem)));
  }
}

function openPerson() {
  const hours = CONFIG.personHours;
  const days = Math.ceil(hours / 24);
  const wait =
    hours < 24
      ? say(hours === 1 ? "person_wait_hour" : "person_wait_hours", { number: hours })
      : say(days === 1 ? "person_wait_day" : "person_wait_days", { number: days });
  const ask = h("button", { class: "primary", type: "button" }, say("person_ask"));
  const no = h("button", { class: "secondary", type: "button", onclick: closeSheet }, say("person_not_now"));
  const line = h("p", { class: "after", role: "status" });
  ask.addEventListener("click", async () => {
    ask.disabled = true;
    try {
      await askPerson();
      closeSheet();
      view.input.focus();
    } catch (problem) {
      ask.disabled = false;
      line.textContent = explain(problem);
    }
  });
  const text = [h("p", { dir: "auto" }, say("person_text"), " ", wait), h("p", { class: "fine", dir: "auto" }, say("person_keep_writing"))];
  sheet(say("person_title"), ...text, line, h("div", { class: "buttons" }, ask, no));
}

// ---- the end -------------------------------------------------------------------------------------------------

// Nothing that was sent is lost by ending: the server has it before it is told of the end (`pump`).
function finish() {
  state.ending = true;
  if (state.turn?.row.accepted) endAnswer();
  if (pumping) tryNow();
  else end();
}

// An answer that nobody will read is not waited for; a message to a person is, it has none.
function endAnswer() {
  if (state.who === "assistant") stopTurn();
}

async function end() {
  state.ending = false;
  try {
    become((await (await call("POST", `/conversations/${memory.id}/close`)).json()).state, null);
  } catch (problem) {
    view.banner.textContent = explain(problem);
  }
}

function ending() {
  const begin = h("button", { class: "secondary", type: "button", onclick: () => (restart(), view.input.focus()) }, say("new_conversation"));
  const box = h("div", { class: "closing" }, h("p", {}, say("closed")));
  if (!state.rated) box.append(satisfaction());
  box.append(begin);
  return box;
}

function satisfaction() {
  const form = h("div", { class: "stars", role: "group", "aria-label": say("satisfaction_ask") });
  const stars = [1, 2, 3, 4, 5].map((score) =>
    button("plain star", say("satisfaction_score", { number: score }), "star", () => give(score), { "aria-pressed": "false" }),
  );
  async function give(score, comment) {
    stars.forEach((star, at) => star.setAttribute("aria-pressed", String(at < score)));
    box.querySelector(".after")?.remove();
    try {
      await call("POST", `/conversations/${memory.id}/satisfaction`, { score, comment });
      state.rated = comment !== undefined;
      box.append(comment === undefined ? commentForm(say("comment_good"), (text) => give(score, text)) : after(say("comment_sent")));
    } catch (problem) {
      box.append(after(explain(problem)));
    }
    keepUp();
  }
  form.append(...stars);
  const box = h("div", { class: "rate" }, h("p", {}, say("satisfaction_ask")), form);
  return box;
}

function restart() {
  forget();
  rows.length = 0;
  redraw();
  announce("state", { state: "assistant" });
}
