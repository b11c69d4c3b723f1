// A turn: send, watch it grow, stop, try again.

function atKey(event) {
  if (event.isComposing || event.keyCode === 229) return; // choosing Chinese characters also ends with Enter
  if (event.key === "Escape" && state.turn) stop();
  if (event.key !== "Enter" || event.shiftKey) return;
  event.preventDefault();
  if (!state.turn) submit();
}

function atSubmit(event) {
  event.preventDefault();
  if (state.turn) stop();
  else submit();
}

function submit() {
  const text = page.input.value.trim();
  if (!text || tooLong() || state.conversation === "closed") return;
  page.input.value = "";
  fit();
  send(text);
}

function send(text) {
  if (state.turn) return;
  const row = addRow({ author: "customer", text });
  begin({ id: newId(), text, row });
}

// Asks for the reply to a message that is shown already; the same id is never stored twice.
async function begin({ id, text, row }) {
  clearNotes(row);
  const answer = h(
    "article",
    { class: "row assistant pending", "aria-busy": "true", "aria-label": say("assistant") },
    h("div", { class: "text" }),
    h("div", { class: "dots", role: "status", "aria-label": say("typing") }, h("i"), h("i"), h("i")),
  );
  row.after(answer);
  const turn = { id, text, row, answer, timer: null };
  state.turn = turn;
  const before = load(PENDING, "sessionStorage");
  save(PENDING, { id, text, tries: before?.id === id ? before.tries + 1 : 1 }, "sessionStorage");
  drawButton();
  toEnd();
  try {
    await ensureConversation();
  } catch (problem) {
    return fail(problem, turn);
  }
  if (state.turn !== turn) return;
  watchSilence();
  trigger("send", { ...state.known, text, client_message_id: id });
}

async function ensureConversation() {
  if (state.known) return;
  const { conversation, token } = await call("begin", { language: state.language });
  state.known = { conversation, token };
  save(STORE, state.known);
}

function clearNotes(row) {
  while (row.nextElementSibling?.matches(".note, .row.pending, .row.partial")) row.nextElementSibling.remove();
}

// No sign of life for a while: ask whether the reply has come by another way, or the server is gone.
function watchSilence(silences = 0) {
  const turn = state.turn;
  window.clearTimeout(turn.timer);
  turn.timer = window.setTimeout(() => atSilence(turn, silences + 1), SILENCE_MS);
}

async function atSilence(turn, silences) {
  let news;
  try {
    news = await call("news", { after: state.last });
  } catch (problem) {
    return fail(problem, turn);
  }
  if (state.turn !== turn) return;
  const reply = news.messages.find((message) => message.author === "assistant");
  if (!reply && silences < 4) return watchSilence(silences);
  trigger("stop", {});
  if (reply) finish({ message: reply, state: news.state });
  else fail({ code: "connection" }, turn);
}

function atSnapshot() {
  const snapshot = props.value;
  const turn = state.turn;
  if (!snapshot || !turn || snapshot.turn !== turn.id) return;
  watchSilence();
  if (snapshot.blocks.length) {
    turn.answer.querySelector(".dots")?.remove();
    show(turn.answer.firstChild, snapshot.blocks);
  }
  if (snapshot.message_id) turn.row.dataset.id = state.last = snapshot.message_id;
  if (snapshot.problem) return fail(snapshot.problem, turn);
  if (snapshot.done) finish(snapshot);
  if (following) toEnd();
}

function finish(snapshot) {
  const { answer } = state.turn;
  endTurn();
  state.conversation = snapshot.state;
  if (snapshot.message) {
    const row = answerRow(snapshot.message);
    row.classList.add("fresh");
    answer.replaceWith(row);
    state.last = snapshot.message.id;
  } else answer.remove();
  drawBanner();
  pollNews();
}

function endTurn() {
  window.clearTimeout(state.turn.timer);
  state.turn = null;
  save(PENDING, null, "sessionStorage");
  drawButton();
  if (!window.matchMedia("(pointer: coarse)").matches) page.input.focus();
}

function leavePartial(text, turn, again) {
  turn.answer.querySelector(".dots")?.remove();
  turn.answer.removeAttribute("aria-busy");
  turn.answer.className = "row assistant partial";
  if (!turn.answer.firstChild.childNodes.length) turn.answer.remove();
  const line = note(text, () => !state.turn && again(turn));
  (turn.answer.isConnected ? turn.answer : turn.row).after(line);
  if (following) toEnd();
}

function stop() {
  const turn = state.turn;
  trigger("stop", {});
  endTurn();
  leavePartial(say("stopped"), turn, begin);
}

function fail(problem, turn) {
  if (state.turn !== turn) return;
  const pending = load(PENDING, "sessionStorage");
  endTurn();
  if (["not_found", "unauthorized"].includes(problem.code)) save(STORE, (state.known = null)); // retry in a new one
  if (problem.code && problem.code !== "connection") return leavePartial(explain(problem), turn, begin);
  save(PENDING, pending, "sessionStorage"); // Gradio opens the page anew once the server is back, and restore() goes on
  leavePartial(explain(problem), turn, reconnect);
}

// Gradio's connection does not come back by itself: if the server can be reached, open the page anew and go on there.
async function reconnect(turn) {
  const line = turn.row.parentElement.querySelector(".note.problem .link");
  line.disabled = true;
  try {
    await call("open", { language: state.language });
    save(PENDING, { id: turn.id, text: turn.text, tries: 0 }, "sessionStorage");
    window.location.reload();
  } catch {
    line.disabled = false;
  }
}
