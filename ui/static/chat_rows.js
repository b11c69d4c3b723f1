// What stands in the column: messages with their sources and ratings, notes.

function customerRow(message) {
  return h(
    "article",
    { class: "row customer", "aria-label": say("you"), "data-id": message.id },
    h("p", { class: "bubble" }, message.text),
  );
}

function answerRow(message) {
  const body = h("div", { class: "text" });
  const row = h("article", { class: `row ${message.author}`, "data-id": message.id }, body);
  const name = message.author === "person" ? message.name || say("colleague") : say("assistant");
  row.setAttribute("aria-label", name);
  if (message.author === "person") row.prepend(h("p", { class: "who" }, name));
  show(body, message.blocks);
  if (message.action === "clarify") offerMeanings(body);
  if (message.sources.length) row.append(sourceChips(message));
  if (message.action === "hand_over" && state.conversation === "assistant") row.append(personOffer());
  if (["answer", "template", "hand_over"].includes(message.action)) row.append(ratingBar(message));
  return row;
}

function offerMeanings(body) {
  for (const item of body.querySelectorAll("li")) {
    const meaning = item.textContent;
    item.replaceChildren(
      h("button", { class: "suggestion", type: "button", onclick: () => send(meaning) }, meaning),
    );
    item.parentElement.classList.add("meanings");
  }
}

function personOffer() {
  return h(
    "button",
    { class: "pill offer", type: "button", onclick: () => page.person.showModal() },
    icon("person"),
    h("span", {}, say("talk_to_person")),
  );
}

function sourceChips(message) {
  const chips = message.sources.map((source, at) =>
    h(
      "li",
      {},
      h(
        "button",
        {
          class: "chip",
          type: "button",
          "aria-haspopup": "dialog",
          title: source.place,
          onclick: (event) => openSource(message, at + 1, event.currentTarget),
        },
        h("span", { class: "number" }, String(at + 1)),
        h("span", { class: "label" }, source.label),
      ),
    ),
  );
  return h("ul", { class: "chips", "aria-label": say("sources") }, ...chips);
}

function ratingBar(message) {
  const bar = h("div", { class: "rating" });
  const thumbs = [1, -1].map((value) => {
    const label = say(value === 1 ? "helpful" : "not_helpful");
    const button = h(
      "button",
      { class: "plain round thumb", type: "button", "aria-label": label, title: label, "aria-pressed": "false" },
      icon("up"),
    );
    if (value === -1) button.classList.add("down");
    button.addEventListener("click", () => rate(value));
    return button;
  });
  bar.append(...thumbs);
  const press = (value) =>
    thumbs.forEach((thumb, at) => thumb.setAttribute("aria-pressed", String([1, -1][at] === value)));
  press(message.rating);
  bar.classList.toggle("rated", Boolean(message.rating));

  async function rate(value, comment = null) {
    press(value);
    bar.classList.add("rated");
    bar.nextElementSibling?.remove();
    try {
      await call("rate", { message: message.id, value, comment });
      bar.after(comment === null ? commentForm(value) : note(say("comment_sent")));
    } catch (problem) {
      bar.after(note(explain(problem), () => rate(value, comment)));
    }
    bar.nextElementSibling.scrollIntoView({ block: "nearest" });
  }

  function commentForm(value) {
    const label = say(value === 1 ? "comment_good" : "comment_bad");
    const input = h("textarea", { rows: "2", maxlength: "1000", placeholder: label, "aria-label": label });
    const form = h(
      "form",
      { class: "comment" },
      h("p", { role: "status" }, say("thanks_for_rating")),
      input,
      h(
        "div",
        { class: "buttons" },
        h("button", { class: "primary small", type: "submit" }, say("send_comment")),
        h("button", { class: "secondary small", type: "button", onclick: () => form.remove() }, say("skip")),
      ),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const comment = input.value.trim();
      if (comment) rate(value, comment);
      else form.remove();
    });
    return form;
  }
  return bar;
}

function note(text, again = null) {
  const line = h("p", { class: again ? "note problem" : "note", role: again ? "alert" : "status" }, h("span", {}, text));
  if (again)
    line.append(h("button", { class: "link", type: "button", onclick: again }, icon("again"), say("try_again")));
  return line;
}

function addRow(message) {
  page.rows.querySelector(".welcome")?.remove();
  if (message.id && page.rows.querySelector(`[data-id="${CSS.escape(message.id)}"]`)) return null;
  const row = message.author === "customer" ? customerRow(message) : answerRow(message);
  page.rows.append(row);
  if (message.id) state.last = message.id;
  return row;
}
