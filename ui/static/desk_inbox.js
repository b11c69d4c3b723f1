// The list of conversations: who waits, mine, all, and tickets; live.

const VIEWS = ["waiting", "mine", "all", "tickets"];
const inbox = { view: "waiting", search: "", open: null, me: null, drawn: "" };
const page = {};

function drawFrame() {
  page.tabs = h("div", { class: "views", role: "tablist", onkeydown: atTabKey });
  page.search = h("input", { type: "search", placeholder: say("search"), "aria-label": say("search"), maxlength: "200" });
  let typing = null;
  page.search.addEventListener("input", () => {
    window.clearTimeout(typing);
    typing = window.setTimeout(() => {
      inbox.search = page.search.value;
      if (inbox.search && !["all", "tickets"].includes(inbox.view)) inbox.view = "all";
      refresh();
    }, 250);
  });
  page.list = h("div", { class: "list", onkeydown: atListKey });
  page.search.addEventListener("keydown", (event) => event.key === "ArrowDown" && focusLine(event, 0));
  page.talk = h("section", { class: "talk" });
  page.side = h("aside", { class: "side" });
  page.desk = h(
    "div",
    { class: "desk" },
    h("nav", { class: "inbox" }, page.tabs, page.search, page.list),
    page.talk,
    page.side,
  );
  element.replaceChildren(page.desk);
  noTalk();
}

function noTalk() {
  page.talk.replaceChildren(h("p", { class: "empty" }, say("choose")));
  page.side.replaceChildren();
  page.desk.classList.remove("opened");
}

// With arrows through the list and the tabs; Enter opens, as on any button.
function atListKey(event) {
  const at = lines().indexOf(event.target.closest(".line"));
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: lines().length - 1 }[event.key];
  if (at < 0 || to === undefined) return;
  if (to < 0) page.search.focus();
  else focusLine(event, to);
}

function focusLine(event, to) {
  event.preventDefault();
  lines()[to]?.focus();
}

const lines = () => [...page.list.querySelectorAll("button.line")];

function atTabKey(event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  choose(VIEWS.at((VIEWS.indexOf(inbox.view) + step) % VIEWS.length));
}

function choose(view) {
  Object.assign(inbox, { view, drawn: "" });
  refresh();
}

function drawTabs(counts) {
  const key = JSON.stringify([inbox.view, counts]);
  if (key === page.tabs.drawn) return;
  page.tabs.drawn = key;
  const standing = page.tabs.contains(document.activeElement);
  page.tabs.replaceChildren(
    ...VIEWS.map((view) =>
      h(
        "button",
        {
          type: "button",
          role: "tab",
          class: "view",
          "aria-selected": String(view === inbox.view),
          tabindex: view === inbox.view ? "0" : "-1",
          onclick: () => choose(view),
        },
        say(view),
        counts[view] ? h("span", { class: "count" }, String(counts[view])) : null,
      ),
    ),
  );
  if (standing) page.tabs.querySelector("[aria-selected=true]").focus();
}

const NOTHING = { waiting: "nobody_waits", mine: "nothing_mine", all: "nothing_found", tickets: "no_tickets" };

function drawList(items, draw) {
  const drawn = JSON.stringify([inbox.view, inbox.open, items, Math.floor(Date.now() / 60000)]);
  if (drawn === inbox.drawn) return;
  inbox.drawn = drawn;
  const focused = page.list.contains(document.activeElement) ? document.activeElement.dataset.id : null;
  page.list.replaceChildren(
    ...(items.length ? items.map(draw) : [h("p", { class: "empty" }, say(NOTHING[inbox.view]))]),
  );
  if (focused) page.list.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus();
}

function line(item) {
  const who = item.customer ?? say("visitor");
  const since = item.state === "waiting" ? say("waits_since", { time: ago(item.requested_at) }) : ago(item.updated_at);
  const why = item.state === "waiting" && item.reason ? coded("reason", item.reason) : say(`state_${item.state}`);
  return h(
    "button",
    {
      type: "button",
      class: `line ${item.state}`,
      "data-id": item.id,
      "aria-current": String(item.id === inbox.open),
      onclick: () => openTalk(item.id),
    },
    h("span", { class: "top" }, h("b", {}, who), h("time", { class: isLate(item) ? "late" : null }, since)),
    h("span", { class: "last" }, item.last || "…"),
    h(
      "span",
      { class: "tags" },
      h("i", { class: `tag ${item.state}` }, item.taken_by && item.state === "person" ? item.taken_by : why),
      item.mood && item.mood !== "neutral" ? h("i", { class: `tag mood ${item.mood}` }, coded("mood", item.mood)) : null,
      item.urgent ? h("i", { class: "tag mood negative" }, say("urgent")) : null,
      item.language ? h("i", { class: "tag" }, item.language) : null,
      item.channel ? h("i", { class: "tag" }, item.channel) : null,
    ),
  );
}

const LATE_MINUTES = 10;

// Who has waited this long stands out of the list.
function isLate(item) {
  return item.state === "waiting" && Date.now() - Date.parse(item.requested_at) > LATE_MINUTES * 60000;
}

function ticketLine(ticket) {
  const done = button(say("done"), () => attempt(() => call(`/tickets/${ticket.id}/close`, {}).then(refresh), done));
  return h(
    "article",
    { class: "line ticket" },
    h("span", { class: "top" }, h("b", {}, ticket.name || say("visitor")), h("time", {}, ago(ticket.created_at))),
    h("span", { class: "whole" }, ticket.text),
    h("span", { class: "soft" }, `${say("contact")}: `, h("b", {}, ticket.contact)),
    h("span", { class: "actions" }, button(say("open_conversation"), () => openTalk(ticket.conversation_id)), done),
  );
}

let refreshing = null;

// One look at a time; a change that comes meanwhile is looked at afterwards.
function refresh() {
  if (refreshing) {
    refreshing.again = true;
    return refreshing.work;
  }
  const own = (refreshing = { again: false });
  own.work = look()
    .catch((error) => toast(say("problem", { message: error.message }), true))
    .finally(() => {
      refreshing = null;
      if (own.again) refresh();
    });
  return own.work;
}

async function look() {
  inbox.me ??= await call("/me");
  const view = inbox.view;
  const shown = view === "tickets" ? "waiting" : view;
  const search = view === "tickets" ? "" : inbox.search;
  const found = await call(`/inbox?view=${shown}&search=${encodeURIComponent(search)}`);
  const tickets = view === "tickets" ? await call("/tickets") : null;
  if (view !== inbox.view) return;
  drawTabs(found.counts);
  if (tickets) drawList(tickets, ticketLine);
  else drawList(found.items, line);
  document.title = `${found.counts.waiting ? `(${found.counts.waiting}) ` : ""}${say("desk")} · ${props.company}`;
  if (inbox.open) await refreshTalk();
}
