// What stands in the panel's log: messages with their sources and ratings, the answer being written, remarks.

const rows = []; // {message, node}, in order

// Shows a message once, wherever it comes from; true if it was not there yet.
function place(message) {
  const { id, client_message_id: own } = message;
  const turn = state.turn?.row;
  if (turn && message.in_reply_to && turn.accepted === message.in_reply_to) turn.settle();
  const found = rows.find((row) => (id && row.message.id === id) || (own && row.message.client_message_id === own));
  if (found) {
    Object.assign(found.message, { id: id ?? found.message.id, position: message.position ?? found.message.position });
    return false;
  }
  const row = { message: { ...message }, node: rowOf(message) };
  let at = rows.length;
  if (message.position) while (at && (rows[at - 1].message.position ?? Infinity) > message.position) at -= 1;
  const next = rows[at]?.node ?? view.end;
  rows.splice(at, 0, row);
  view.welcome?.remove();
  view.log.insertBefore(row.node, next);
  keepUp();
  return true;
}

function rowOf(message) {
  return message.author === "customer" ? customerRow(message) : answerRow(message);
}

function customerRow(message) {
  const bubble = h("p", { class: "bubble", dir: "auto" }, message.text);
  return h("article", { class: "row customer", "aria-label": say("you") }, bubble);
}

function answerRow(message) {
  const person = message.author === "person";
  const name = person ? message.name || say("colleague") : say("assistant");
  const body = h("div", { class: "text", dir: "auto" });
  const row = h("article", { class: `row ${message.author}`, "aria-label": name }, body);
  if (person) row.prepend(h("p", { class: "who" }, name));
  show(body, message.blocks ?? [["p", message.text]]);
  if (message.action === "clarify") offerMeanings(body);
  if (message.sources?.length) row.append(sourceChips(message));
  if (message.action === "hand_over" && state.who === "assistant") row.append(personOffer());
  if (["answer", "template", "hand_over"].includes(message.action)) row.append(ratingBar(message));
  return row;
}

function offerMeanings(body) {
  for (const item of body.querySelectorAll("li")) {
    const meaning = item.textContent;
    item.replaceChildren(reply(meaning));
    item.parentElement.classList.add("meanings");
  }
}

function reply(text) {
  return h("button", { class: "reply", type: "button", dir: "auto", onclick: () => sendText(text) }, text);
}

function personOffer() {
  return h("button", { class: "pill", type: "button", onclick: openPerson }, icon("person"), say("talk_to_person"));
}

function sourceChips(message) {
  const chips = message.sources.map((source, at) =>
    h(
      "li",
      {},
      h(
        "button",
        { class: "chip", type: "button", "aria-haspopup": "dialog", title: source.place, onclick: () => openSource(message, at + 1) },
        h("span", { class: "number" }, String(at + 1)),
        h("span", { class: "label", dir: "auto" }, source.label),
      ),
    ),
  );
  return h("ul", { class: "chips", "aria-label": say("sources") }, ...chips);
}

function ratingBar(message) {
  const bar = h("div", { class: "rating" });
  const thumbs = [1, -1].map((value) => {
    const label = say(value === 1 ? "helpful" : "not_helpful");
    const kind = value === 1 ? "plain thumb" : "plain thumb down";
    return button(kind, label, "up", () => rate(value), { "aria-pressed": String(message.rating === value) });
  });
  bar.append(...thumbs);

  async function rate(value, comment) {
    thumbs.forEach((thumb, at) => thumb.setAttribute("aria-pressed", String([1, -1][at] === value)));
    bar.querySelector(".after")?.remove();
    try {
      await call("POST", `/messages/${message.id}/rating`, { value, comment });
      message.rating = value;
      const asks = value === -1 && comment === undefined;
      bar.append(asks ? commentForm(say("comment_bad"), (text) => rate(value, text)) : after(say("thanks_for_rating")));
    } catch (problem) {
      bar.append(after(explain(problem)));
    }
    keepUp();
  }
  return bar;
}

function after(text) {
  return h("p", { class: "after", role: "status" }, text);
}

function commentForm(label, send) {
  const input = h("textarea", { rows: "2", maxlength: "1000", placeholder: label, "aria-label": label });
  const done = h("button", { class: "primary small", type: "submit" }, say("send_comment"));
  const form = h("form", { class: "after comment" }, input, done);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(input.value.trim());
  });
  return form;
}

// The answer being written, under the message it answers.
function pendingRow(item) {
  const body = h("div", { class: "text", dir: "auto" });
  const node = h("article", { class: "row assistant", "aria-label": say("assistant"), "aria-busy": "true" }, body, dots(say("typing")));
  const blocks = [];
  const row = { accepted: null, settled: false, node };
  row.grow = ({ from, blocks: changed }) => {
    if (row.settled) return;
    node.querySelector(".dots")?.remove();
    blocks.splice(from, blocks.length, ...changed);
    show(body, blocks);
    keepUp();
  };
  row.settle = () => {
    row.settled = true;
    node.remove();
  };
  rowFor(item)?.node.querySelector(".after")?.remove();
  view.log.insertBefore(node, view.end);
  keepUp();
  return row;
}

function dots(label) {
  return h("div", { class: "dots", role: "img", "aria-label": label }, h("i"), h("i"), h("i"));
}

function rowFor(item) {
  return rows.find((row) => row.message.client_message_id === item.id);
}

// A sentence under a message of one's own: what became of it, and what can be done.
function remark(item, text, again, waiting = false) {
  const row = rowFor(item);
  if (!row) return;
  row.node.querySelector(".after")?.remove();
  const line = h("p", { class: "after", role: "status" }, text);
  const act = (label, onclick) => h("button", { class: "link", type: "button", onclick }, label);
  if (waiting) line.append(" ", act(say("try_now"), tryNow));
  else if (again) line.append(" ", act(say("try_again"), () => resend(item)));
  row.node.append(line);
  keepUp();
}

function resend(item) {
  rowFor(item)?.node.querySelector(".after")?.remove();
  save({ outbox: [...(memory.outbox ?? []).filter((other) => other.id !== item.id), item] });
  pump();
}

function drawTyping() {
  view.typing?.remove();
  view.typing = null;
  if (!state.typist || (state.typist.author === "assistant" && state.turn)) return;
  const { author, name } = state.typist;
  const label = author === "person" ? say("person_types", { name: name || say("colleague") }) : say("typing");
  view.typing = h("div", { class: "row person types" }, author === "person" ? h("p", { class: "who" }, label) : null, dots(label));
  view.log.insertBefore(view.typing, view.end);
  keepUp();
}
