// One conversation: the dialogue and the reply box.

const talk = { shown: null, sideDrawn: "", traceOf: null, trace: null, canned: null };

async function openTalk(id) {
  inbox.open = id;
  Object.assign(talk, { shown: null, sideDrawn: "", traceOf: null, trace: null, messages: [], more: false, rows: new Map() });
  talk.log = h("div", { class: "dialogue", role: "log", tabindex: "0", "aria-label": say("customer") });
  talk.head = h("div", { class: "head" });
  talk.foot = composer();
  page.talk.replaceChildren(talk.head, talk.log, talk.foot.box);
  page.desk.classList.add("opened");
  await attempt(refreshTalk);
  talk.log.scrollTop = talk.log.scrollHeight;
  inbox.drawn = "";
  refresh();
}

async function refreshTalk() {
  const id = inbox.open;
  const found = await call(`/conversations/${encodeURIComponent(id)}`);
  if (id !== inbox.open) return;
  talk.shown = found;
  drawHead(found);
  drawDialogue(found);
  drawFoot(found);
  drawSide(found);
}

const path = (deed) => `/conversations/${encodeURIComponent(inbox.open)}/${deed}`;
const holds = (found) => found.state === "person" && found.taken_by === inbox.me?.name;

function deed(name, body = {}) {
  return async () => {
    await call(path(name), body);
    await refresh();
  };
}

function drawHead(found) {
  const own = holds(found);
  const actions = [];
  if (!own && ["assistant", "waiting"].includes(found.state)) actions.push(acting("take_over", deed("take_over"), "primary"));
  if (own || found.state === "waiting") actions.push(acting("give_back", deed("give_back")));
  if (own || ["assistant", "waiting"].includes(found.state)) actions.push(acting("close", closing));
  const state = found.state === "person" ? say("held_by", { name: own ? say("you") : found.taken_by }) : say(`state_${found.state}`);
  const key = JSON.stringify([found.state, found.taken_by, found.satisfaction, found.customer, found.visitor?.name]);
  if (talk.headDrawn === key && talk.head.childNodes.length) return;
  talk.headDrawn = key;
  talk.head.replaceChildren(
    h("button", { type: "button", class: "btn back", onclick: () => ((inbox.open = null), (inbox.drawn = ""), noTalk(), refresh()) }, `‹ ${say("back")}`),
    h("h2", {}, found.visitor?.name ?? found.customer ?? say("visitor")),
    h("i", { class: `tag ${found.state}` }, state),
    ...(found.satisfaction ? [h("i", { class: "tag" }, say("satisfied", { score: found.satisfaction }))] : []),
    h("span", { class: "actions" }, actions),
  );
}

function acting(name, work, kind = "") {
  const made = button(say(name), () => attempt(work, made), `${kind} ${name}`);
  return made;
}

async function closing() {
  if (await ask(say("close_sure"), say("close"))) await deed("close")();
}

// ---- dialogue ------------------------------------------------------------------------------------------------

// Long conversations stay quick: only the latest messages are read again, and only rows that changed are drawn anew.
function drawDialogue(found) {
  merge(found.messages, found.more);
  const atEnd = talk.log.scrollHeight - talk.log.scrollTop - talk.log.clientHeight < 60;
  const oldest = talk.more ? talk.messages[0].at : "";
  const entries = [
    ...talk.messages.map((message) => [message.at, row(message.id, [message, talk.traceOf === message.id], () => bubble(message))]),
    ...found.notes.filter((note) => note.created_at > oldest).map((note) => [note.created_at, row(note.id, note, () => noteRow(note))]),
  ].sort(([a], [b]) => Date.parse(a) - Date.parse(b));
  const top = talk.more ? [row("earlier", null, earlierButton)] : [];
  const types = found.customer_types ? [row("typing", null, () => h("p", { class: "soft typing" }, say("customer_types")))] : [];
  place([...top, ...entries.map(([, node]) => node), ...types]);
  if (atEnd) talk.log.scrollTop = talk.log.scrollHeight;
}

// What is known and what came now; without a common message there would be a gap, so the earlier ones are let go.
function merge(recent, more) {
  const at = recent.length ? talk.messages.findIndex((message) => message.id === recent[0].id) : -1;
  if (at < 0) talk.more = more;
  talk.messages = [...talk.messages.slice(0, Math.max(at, 0)), ...recent];
}

function row(id, content, draw) {
  const key = JSON.stringify(content);
  const drawn = talk.rows.get(id);
  if (drawn?.key === key) return drawn.node;
  const node = draw();
  talk.rows.set(id, { key, node });
  return node;
}

function place(nodes) {
  nodes.forEach((node, at) => {
    if (talk.log.childNodes[at] !== node) talk.log.insertBefore(node, talk.log.childNodes[at] ?? null);
  });
  while (talk.log.childNodes.length > nodes.length) talk.log.lastChild.remove();
}

function earlierButton() {
  const more = button(say("earlier"), () => attempt(showEarlier, more), "earlier");
  return more;
}

async function showEarlier() {
  const id = inbox.open;
  const found = await call(`/messages/${encodeURIComponent(talk.messages[0].id)}/earlier`);
  if (id !== inbox.open) return;
  const below = talk.log.scrollHeight - talk.log.scrollTop;
  talk.messages = [...found.messages, ...talk.messages];
  talk.more = found.more;
  drawDialogue(talk.shown);
  talk.log.scrollTop = talk.log.scrollHeight - below;
  talk.log.focus(); // the button that had the focus may be gone
}

function bubble(message) {
  const name = message.author === "person" ? message.name : say(message.author === "customer" ? "customer" : "assistant");
  const text = h("div", { class: "text" });
  if (message.author === "customer") text.append(message.text);
  else show(text, message.blocks);
  const facts = [];
  if (message.action) facts.push(coded("action", message.action));
  if (message.evidence != null) facts.push(`${say("evidence")} ${percent(message.evidence)}`);
  if (message.sources.length) facts.push(`${say("sources")}: ${message.sources.map((source) => source.title).join(", ")}`);
  return h(
    "article",
    { class: `bubble ${message.author}` },
    h("span", { class: "by" }, name, h("time", {}, clock(message.at)), message.rating ? h("i", { class: `tag ${message.rating > 0 ? "passed" : "failed"}` }, say(message.rating > 0 ? "thumb_up" : "thumb_down")) : null),
    text,
    message.author === "assistant" && message.action
      ? h(
          "button",
          { type: "button", class: "facts", "aria-pressed": String(talk.traceOf === message.id), onclick: () => attempt(() => openTrace(message.id)) },
          facts.join(" · "),
        )
      : null,
  );
}

function noteRow(note) {
  return h("article", { class: "bubble note" }, h("span", { class: "by" }, note.author, h("time", {}, clock(note.created_at))), h("div", { class: "text" }, note.text));
}

// ---- reply box -----------------------------------------------------------------------------------------------

function composer() {
  const input = h("textarea", { rows: "3", placeholder: say("reply_hint"), "aria-label": say("reply"), maxlength: "8000" });
  const send = button(say("send"), () => attempt(sendReply, send), "primary send");
  const draft = h("div", { class: "draft", hidden: true });
  const why = h("p", { class: "soft why", hidden: true });
  const canned = h("details", { class: "canned" }, h("summary", {}, say("canned")), h("div", { class: "choices" }));
  canned.addEventListener("toggle", () => canned.open && attempt(drawCanned));
  const suggest = button(say("draft_again"), () => attempt(suggestReply, suggest), "suggest");
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send.click();
  });
  let told = 0;
  input.addEventListener("input", () => {
    if (Date.now() - told < 3000) return;
    told = Date.now();
    call(path("typing"), { typing: true }).catch(() => {}); // only a sign of life
  });
  const write = h("div", { class: "write" }, input, h("div", { class: "actions" }, canned, suggest, send));
  return { box: h("div", { class: "composer" }, draft, why, write), input, send, draft, why, canned, write, drawn: "" };
}

function drawFoot(found) {
  const own = holds(found);
  const foot = talk.foot;
  foot.write.hidden = !own;
  foot.why.hidden = own;
  if (!own)
    foot.why.textContent =
      found.state === "closed" ? say("is_closed") : found.state === "person" ? say("other_holds", { name: found.taken_by }) : say("take_first");
  const key = JSON.stringify([found.draft, own]);
  if (key === foot.drawn) return;
  foot.drawn = key;
  foot.draft.hidden = !found.draft || found.state === "closed";
  if (found.draft) foot.draft.replaceChildren(...draftCard(found.draft, own));
}

function draftCard(draft, own) {
  const useful = ["answer", "template"].includes(draft.action);
  return [
    h("span", { class: "by" }, say("draft"), h("i", { class: "tag" }, `${say("evidence")} ${percent(draft.evidence)}`)),
    h("p", { class: "text", tabindex: "0" }, useful ? draft.text : say("no_draft")),
    draft.sources.length ? h("p", { class: "soft" }, `${say("sources")}: ${draft.sources.map((source) => source.title).join(", ")}`) : null,
    useful && own ? button(say("use"), () => putIn(draft.text), "use") : null,
  ].filter((part) => part);
}

function putIn(text) {
  talk.foot.input.value = text;
  talk.foot.input.focus();
}

async function sendReply() {
  const text = talk.foot.input.value.trim();
  if (!text) return;
  await call(path("messages"), { text });
  talk.foot.input.value = "";
  await refresh();
  talk.log.scrollTop = talk.log.scrollHeight;
}

async function suggestReply() {
  await call(path("draft"), {});
  await refresh();
}

async function drawCanned() {
  const answers = await call("/canned");
  const choices = answers.map((answer) =>
    h(
      "div",
      { class: "choice" },
      h("button", { type: "button", class: "plain", title: answer.text, onclick: () => ((talk.foot.canned.open = false), putIn(answer.text)) }, answer.title),
      h("button", { type: "button", class: "plain", "aria-label": `${say("remove")}: ${answer.title}`, onclick: () => attempt(() => call(`/canned/${answer.id}/remove`, {}).then(drawCanned)) }, "×"),
    ),
  );
  const title = h("input", { placeholder: say("canned_title"), "aria-label": say("canned_title"), maxlength: "80" });
  const keep = button(say("canned_new"), () => attempt(() => call("/canned", { title: title.value, text: talk.foot.input.value }).then(drawCanned), keep));
  talk.foot.canned.lastChild.replaceChildren(...(choices.length ? choices : [h("p", { class: "soft" }, say("canned_none"))]), title, keep);
}
