// A person, the sources, and how the page begins.

// ---- a person ------------------------------------------------------------------------------------------------

async function askPerson() {
  page.personYes.disabled = true;
  page.personProblem.hidden = true;
  try {
    await ensureConversation();
    state.conversation = (await call("ask_person")).state;
    for (const offer of page.rows.querySelectorAll(".offer")) offer.remove();
    page.person.close();
    drawBanner();
    pollNews();
  } catch (problem) {
    page.personProblem.textContent = explain(problem);
    page.personProblem.hidden = false;
  }
  page.personYes.disabled = false;
}

let polling = null;

function pollNews() {
  window.clearTimeout(polling);
  if (!["waiting", "person"].includes(state.conversation)) return;
  polling = window.setTimeout(async () => {
    if (!document.hidden && !state.turn) await fetchNews();
    pollNews();
  }, NEWS_MS);
}

async function fetchNews() {
  try {
    const news = await call("news", { after: state.last });
    if (state.turn) return;
    const rows = news.messages.map(addRow).filter((row) => row);
    state.conversation = news.state;
    drawBanner();
    if (rows.length && following) toEnd(true);
  } catch {
    return; // the next poll tries again
  }
}

// ---- sources -------------------------------------------------------------------------------------------------

async function openSource(message, number, chip) {
  const dialog = page.source;
  const close = h(
    "button",
    { class: "plain round", type: "button", "aria-label": say("close"), title: say("close") },
    icon("close"),
  );
  close.addEventListener("click", () => dialog.close());
  const body = h("div", { class: "passage", "aria-busy": "true" });
  const place = h("p", { class: "place" });
  const title = h("h2", { id: "source-title" }, message.sources[number - 1].title);
  dialog.replaceChildren(
    h("div", { class: "top" }, h("span", { class: "number" }, String(number)), h("span", {}, say("quoted_from")), close),
    title,
    place,
    body,
  );
  if (!dialog.open) {
    dialog.showModal();
    dialog.addEventListener("close", () => chip.focus(), { once: true });
  }
  try {
    fillSource(await call("source", { message: message.id, number }), title, place, body);
  } catch (problem) {
    body.replaceChildren(note(explain(problem), () => openSource(message, number, chip)));
  }
  body.removeAttribute("aria-busy");
}

function fillSource(source, title, place, body) {
  const steps = [...source.headings];
  if (source.page) steps.push(say("page", { number: source.page }));
  if (source.row && !source.headings.length) steps.push(say("row", { number: source.row }));
  place.replaceChildren(...steps.flatMap((step, at) => (at ? [h("i", {}, "›"), step] : [step])));
  if (source.question && source.question !== title.textContent) body.append(h("p", { class: "question" }, source.question));
  const text = h("div", { class: "text" });
  show(text, source.blocks);
  body.append(text);
  const [highlight] = source.quotes.map((quote) => mark(text, quote));
  if (source.changed) body.prepend(h("p", { class: "soft" }, say("source_gone")));
  const file = h("p", { class: "file" }, icon("document"), h("span", {}, source.file));
  if (source.url && LINK.test(source.url))
    file.append(h("a", { href: source.url, target: "_blank", rel: "noopener noreferrer nofollow" }, say("open_page")));
  body.append(file);
  highlight?.scrollIntoView({ block: "center" });
}

// ---- beginnings ----------------------------------------------------------------------------------------------

async function speak(language) {
  state.language = language;
  save(LANGUAGE, language);
  if (state.turn) stop();
  draw();
  await restore();
  page.input.focus();
}

async function startAnew() {
  if (state.turn) {
    trigger("stop", {});
    endTurn();
  }
  window.clearTimeout(polling);
  state.known = null;
  state.conversation = "assistant";
  state.last = null;
  save(STORE, null);
  save(PENDING, null, "sessionStorage");
  await restore();
  page.input.focus();
}

// Shows the remembered conversation, or the greeting.
async function restore() {
  try {
    const opened = await call("open", { language: state.language });
    state.questions = opened.questions;
    state.conversation = opened.state;
    if (!opened.messages) save(STORE, (state.known = null));
    page.rows.replaceChildren();
    for (const message of opened.messages ?? []) addRow(message);
    if (!page.rows.childNodes.length) page.rows.append(welcome());
    goOn(opened.messages ?? []);
  } catch (problem) {
    page.rows.replaceChildren(welcome(), note(explain(problem), restore));
  }
  drawBanner();
  pollNews();
  if (!page.rows.querySelector(".welcome")) toEnd();
}

// A message without an answer: if it was interrupted it goes on by itself; if it was stopped it waits to be asked.
function goOn(messages) {
  const pending = load(PENDING, "sessionStorage");
  const last = messages.at(-1);
  let turn = null;
  if (last?.author === "customer" && last.client_message_id && state.conversation !== "person")
    turn = { id: last.client_message_id, text: last.text, row: page.rows.lastChild };
  else if (pending && !messages.some((message) => message.client_message_id === pending.id))
    turn = { id: pending.id, text: pending.text, row: addRow({ author: "customer", text: pending.text }) };
  if (turn === null) save(PENDING, null, "sessionStorage");
  else if (pending?.id === turn.id && pending.tries < TRIES) begin(turn);
  else turn.row.after(note(say("unanswered"), () => !state.turn && begin(turn)));
}

// Gradio reads the names of the events it listens to from this text: 'send' 'stop'
draw();
watch("value", atSnapshot);
restore().then(() => !window.matchMedia("(pointer: coarse)").matches && page.input.focus());
