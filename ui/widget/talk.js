// The conversation: beginning it, sending, and hearing what others write. Nothing is lost or shown twice: what was not
// acknowledged stays in the outbox, whatever arrives is placed by its id, and the feed goes on after the last one seen.

let pumping = false;
let feed = null; // the AbortController of the open event stream
let generation = 0; // of the conversation: what still comes for an earlier one is dropped

async function ensureConversation() {
  if (memory.id) return;
  const mine = generation;
  const token = typeof state.user === "function" ? await state.user() : state.user;
  const body = { site_key: options.siteKey, visitor_token: token ?? undefined, language: state.locale };
  if (Object.keys(state.attributes).length) body.attributes = state.attributes;
  const { id, token: secret } = await (await call("POST", "/conversations", body)).json();
  if (mine !== generation) throw { code: "stopped" };
  save({ id, token: secret, user: token ? subject(token) : null, seen: null });
  if (typeof state.user === "string") state.user = null; // it is good only once
}

// Who a visitor token is about; only the server can tell whether it is true.
function subject(token) {
  try {
    const bytes = atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/"));
    return String(JSON.parse(bytes).sub);
  } catch {
    return null;
  }
}

function forget() {
  generation += 1;
  state.turn?.control.abort();
  stopFeed();
  save({ id: null, token: null, user: null, seen: null, outbox: [] });
  Object.assign(state, { who: "assistant", person: null, turn: null, last: null, typist: null, unread: 0, rated: false, ending: false });
}

function sendText(text) {
  const item = { id: newId(), text };
  if (state.who === "closed") restart();
  save({ outbox: [...(memory.outbox ?? []), item] });
  place({ author: "customer", text, client_message_id: item.id });
  announce("message", { author: "customer", id: item.id });
  pump();
}

async function pump() {
  if (pumping) return;
  pumping = true;
  while (memory.outbox?.length) {
    const item = memory.outbox[0];
    const mine = generation;
    await deliver(item);
    if (mine === generation) save({ outbox: memory.outbox.filter((other) => other.id !== item.id) });
  }
  pumping = false;
  if (state.ending) end();
  follow();
}

// Tries until the message is answered or refused for good.
async function deliver(item) {
  for (let failures = 0; ; failures += 1) {
    const mine = generation;
    try {
      await ensureConversation();
      return await runTurn(item);
    } catch (problem) {
      if (mine !== generation) return;
      if (problem.code === "stopped") return state.ending ? null : remark(item, say("stopped"), true);
      if (["not_found", "unauthorized"].includes(problem.code) && memory.id && !failures) {
        save({ id: null, token: null, user: null, seen: null }); // it was erased: go on in a new one
        continue;
      }
      const again = { connection: 1e9, rate_limited: 5, overloaded: 8, unavailable: 8 }[problem.code] ?? 0;
      if (failures >= again) return remark(item, explain(problem), problem.code !== "conflict");
      remark(item, explain(problem), false, true);
      await pause(failures, problem.retry_after);
      if (mine !== generation) return;
    }
  }
}

async function runTurn(item) {
  const control = new AbortController();
  const turn = { item, control, row: pendingRow(item), stopped: false };
  state.turn = turn;
  drawComposer();
  try {
    const body = { text: item.text, client_message_id: item.id };
    const path = `/conversations/${memory.id}/messages?markup=true`;
    const response = await call("POST", path, body, control);
    follow();
    let ended = false;
    for await (const { name, data } of eventsOf(response, control)) {
      if (name === "error") throw { ...data, status: 200 };
      ended = turnEvent(turn, name, data) || ended;
    }
    if (!ended) throw { code: "connection" };
  } catch (problem) {
    throw turn.stopped ? { code: "stopped" } : problem;
  } finally {
    turn.row.settle();
    if (state.turn === turn) state.turn = null;
    drawComposer();
  }
}

// True when the turn is complete.
function turnEvent(turn, name, data) {
  if (name === "accepted") {
    const { id, text } = turn.item;
    place({ author: "customer", text, client_message_id: id, id: data.message_id, position: data.position });
    turn.row.accepted = data.message_id;
    if (state.ending) endAnswer();
  } else if (name === "delta") {
    turn.row.grow(data);
  } else if (name === "completed") {
    turn.row.settle();
    receive({ ...data, id: data.message_id, author: "assistant", text: data.reply, in_reply_to: turn.row.accepted });
    return true;
  } else if (name === "waiting_for_person") {
    become(data.state, state.person);
    return true;
  }
  return false;
}

function stopTurn() {
  if (!state.turn) return;
  state.turn.stopped = true;
  state.turn.control.abort();
}

// ---- what others write ---------------------------------------------------------------------------------------

// A feed is open while somebody may write without being asked: the panel is open, or a person was asked for.
function follow() {
  const wanted = memory.id && state.who !== "closed" && (state.open || state.who !== "assistant");
  if (wanted && !feed) runFeed();
  else if (!wanted) stopFeed();
}

function stopFeed() {
  feed?.abort();
  feed = null;
}

async function runFeed() {
  const control = new AbortController();
  feed = control;
  for (let failures = 0; feed === control; ) {
    try {
      await catchUp();
      if (feed !== control) return;
      const after = state.last ? `&after=${encodeURIComponent(state.last)}` : "";
      const response = await call("GET", `/conversations/${memory.id}/events?markup=true${after}`, undefined, control);
      online(true);
      failures = 0;
      for await (const { name, data } of eventsOf(response, control)) if (feed === control) feedEvent(name, data);
      if (state.who === "closed") break;
    } catch (problem) {
      if (feed !== control) return;
      if (["not_found", "unauthorized", "forbidden"].includes(problem.code)) break;
      online(problem.code !== "connection");
    }
    failures += 1;
    await pause(failures, null);
  }
  if (feed === control) feed = null;
}

function feedEvent(name, data) {
  if (name === "message") {
    state.last = data.id;
    receive(data);
  } else if (name === "state") {
    become(data.state, data.name ?? null);
    if (!state.last) catchUp().catch(() => {}); // written between our beginning and the first event
  } else if (name === "typing") {
    state.typist = data.typing ? data : null;
    drawTyping();
  }
}

// Everything stored after what is known.
async function catchUp() {
  const mine = generation;
  for (let more = true; more; ) {
    const after = state.last ? `&after=${encodeURIComponent(state.last)}` : "";
    const path = `/conversations/${memory.id}/messages?markup=true&limit=200${after}`;
    const page = await (await call("GET", path)).json();
    if (mine !== generation) return;
    together(() => {
      for (const message of page.messages) {
        state.last = message.id;
        receive(message);
      }
    });
    more = page.more;
    become(page.state, state.person);
  }
}

// A message that the server has, from the feed, the turn or the history.
function receive(message) {
  if (message.author === "system") return;
  const fresh = place(message);
  if (message.author === "customer" || !fresh) return seen();
  if (state.typist?.author === message.author) state.typist = null;
  drawTyping();
  if (state.open) tell(message.text);
  else if ((message.position ?? Infinity) > (memory.seen ?? 0)) count(state.unread + 1);
  seen();
  announce("message", { author: message.author, id: message.id });
}

function become(who, person) {
  const changed = who !== state.who || person !== state.person;
  state.who = who;
  state.person = who === "person" ? person : null;
  if (!changed) return;
  drawBanner();
  drawComposer();
  announce("state", { state: who });
  if (who === "closed") catchUp().catch(() => {}); // the last words before the end
  follow();
}

// What an open panel shows counts as read.
function seen() {
  const newest = rows.reduce((most, row) => Math.max(most, row.message.position ?? 0), 0);
  if (state.open && newest > (memory.seen ?? 0)) save({ seen: newest });
}

function count(unread) {
  state.unread = unread;
  drawLauncher();
  announce("unread", { count: unread });
}

async function resume() {
  if (!memory.id) return pump();
  try {
    await catchUp();
  } catch (problem) {
    if (["not_found", "unauthorized"].includes(problem.code)) save({ id: null, token: null, user: null, seen: null });
    else if (problem.code === "connection") {
      await pause(1);
      return resume();
    }
  }
  for (const item of memory.outbox ?? []) place({ author: "customer", text: item.text, client_message_id: item.id });
  pump();
}

async function askPerson() {
  await ensureConversation();
  const told = await (await call("POST", `/conversations/${memory.id}/hand_over`, {})).json();
  become(told.state, state.person);
  return told;
}

let typedAt = 0;
function typing() {
  if (!memory.id || !["waiting", "person"].includes(state.who) || Date.now() - typedAt < 3000) return;
  typedAt = Date.now();
  call("POST", `/conversations/${memory.id}/typing`, {}).catch(() => {}); // a hint only
}
