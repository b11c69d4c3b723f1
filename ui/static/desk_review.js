// The review queue: answers worth a second look, cleared with the keyboard.

const review = { items: [], at: 0, editing: null };
const queue = h("div", { class: "review-list" });
const hint = h("p", { class: "soft" }, say("review_hint"));
const drafts = h("div", { class: "review-list" });
element.replaceChildren(h("div", { class: "review" }, hint, queue, drafts));

const DONE = { approved: "approved_done", corrected: "corrected_done", knowledge: "knowledge_done", template: "template_done", dismissed: "dismissed_done" };

async function loadReview() {
  if (review.editing || !element.isConnected) return;
  review.items = await call("/review");
  drawReview();
  drawDrafts(await call("/templates"));
}

function drawDrafts(found) {
  drafts.replaceChildren(
    ...(found.drafts.length ? [h("h2", {}, say("template_drafts"))] : []),
    ...found.drafts.map((draft) => draftTemplate(draft, found.may_change)),
  );
}

function draftTemplate(draft, mayChange) {
  const decideOn = (name, done) => {
    const pressed = button(say(name), () => attempt(() => call(`/templates/${draft.id}/${done}`, {}).then(loadReview), pressed), done);
    return pressed;
  };
  return h(
    "article",
    { class: "review-card template" },
    h("span", { class: "tags" }, draft.intent ? h("i", { class: "tag" }, draft.intent) : null, h("i", { class: "tag" }, draft.language), h("i", { class: "tag" }, draft.source)),
    h("p", { class: "asked" }, draft.questions.slice(0, 5).join(" / ")),
    h("p", {}, draft.text),
    mayChange ? h("div", { class: "actions" }, decideOn("approve", "approve"), decideOn("dismiss", "retire")) : h("p", { class: "soft" }, say("template_waits")),
  );
}

function drawReview() {
  review.at = Math.max(0, Math.min(review.at, review.items.length - 1));
  hint.hidden = !review.items.length;
  queue.replaceChildren(
    ...(review.items.length ? review.items.map(reviewCard) : [h("p", { class: "empty" }, say("review_empty"))]),
  );
}

function reviewCard(item, place) {
  const text = h("div", { class: "text" });
  show(text, item.blocks);
  const current = place === review.at;
  return h(
    "article",
    { class: "review-card", "aria-current": String(current), tabindex: "-1", onclick: () => !current && move(place) },
    h("span", { class: "tags" }, item.why.map((why) => h("i", { class: `tag ${why}` }, say(`why_${why}`))), h("i", { class: "tag" }, `${say("evidence")} ${percent(item.evidence)}`), h("i", { class: "tag" }, item.language), h("time", {}, clock(item.at))),
    h("p", { class: "asked" }, item.question),
    text,
    item.comment ? h("p", { class: "soft" }, `${say("said")}: `, h("q", {}, item.comment)) : null,
    item.sources.length ? h("p", { class: "soft" }, `${say("sources")}: ${item.sources.map((source) => source.title).join(", ")}`) : null,
    current ? (review.editing ? editor(item, review.editing) : choices(item)) : null,
  );
}

function choices(item) {
  return h(
    "div",
    { class: "actions" },
    button(say("approve"), () => decide(item, { verdict: "approved" }), "primary approve"),
    button(say("correct"), () => edit("corrected"), "correct"),
    button(say("to_knowledge"), () => edit("knowledge"), "to-knowledge"),
    button(say("to_template"), () => edit("template"), "to-template"),
    button(say("dismiss"), () => decide(item, { verdict: "dismissed" }), "dismiss"),
  );
}

function editor(item, verdict) {
  const text = h("textarea", { rows: "5", "aria-label": say("better_answer"), maxlength: "8000" });
  text.value = item.action === "hand_over" ? "" : item.text;
  const question = h("input", { "aria-label": say("answers_question"), maxlength: "500" });
  question.value = item.question;
  const intent = h("input", { "aria-label": say("answers_intent"), maxlength: "100" });
  const save = button(
    say({ corrected: "save_correction", knowledge: "to_knowledge", template: "to_template" }[verdict]),
    () => decide(item, { verdict, text: text.value, ...(verdict === "corrected" ? {} : { question: question.value }), ...(verdict === "template" ? { intent: intent.value } : {}) }, save),
    "primary save",
  );
  const cancel = button(say("cancel"), () => ((review.editing = null), drawReview()));
  const rows = [h("label", {}, say("better_answer"), text)];
  if (verdict !== "corrected") rows.unshift(h("label", {}, say("answers_question"), question));
  if (verdict === "template") rows.unshift(h("label", {}, say("answers_intent"), intent));
  window.setTimeout(() => text.focus());
  return h("div", { class: "editor" }, rows, h("div", { class: "actions" }, save, cancel));
}

function edit(verdict) {
  review.editing = verdict;
  drawReview();
}

function move(place) {
  review.at = place;
  review.editing = null;
  drawReview();
  queue.children[review.at]?.scrollIntoView({ block: "nearest" });
}

function decide(item, body, pressed = null) {
  return attempt(async () => {
    await call(`/review/${encodeURIComponent(item.message_id)}`, body);
    toast(say(DONE[body.verdict]));
    review.editing = null;
    await loadReview();
  }, pressed);
}

const KEYS = {
  a: (item) => decide(item, { verdict: "approved" }),
  d: (item) => decide(item, { verdict: "dismissed" }),
  e: () => edit("corrected"),
  n: () => edit("knowledge"),
  t: () => edit("template"),
  j: () => move(review.at + 1),
  k: () => move(review.at - 1),
};

document.addEventListener("keydown", (event) => {
  const shown = element.isConnected && element.offsetParent !== null;
  const item = review.items[review.at];
  if (!shown || !item || review.editing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select, dialog")) return;
  const act = KEYS[event.key.toLowerCase()];
  if (!act) return;
  event.preventDefault();
  act(item);
});

attempt(loadReview);
follow(() => loadReview().catch(() => {}), 20);
