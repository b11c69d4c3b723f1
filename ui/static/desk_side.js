// Beside a conversation: the brief, who the visitor is, what the assistant knew, notes.

async function openTrace(id) {
  talk.traceOf = talk.traceOf === id ? null : id;
  talk.trace = talk.traceOf ? await call(`/messages/${encodeURIComponent(id)}/trace`) : null;
  talk.sideDrawn = "";
  drawDialogue(talk.shown);
  drawSide(talk.shown);
  if (talk.trace) page.side.querySelector(".trace")?.scrollIntoView({ block: "nearest" });
}

function drawSide(found) {
  const key = JSON.stringify([found.brief, found.visitor, found.notes.length, talk.traceOf]);
  if (key === talk.sideDrawn) return;
  talk.sideDrawn = key;
  const note = page.side.querySelector(".note-box textarea");
  const [typed, writing] = [note?.value ?? "", note !== null && note === document.activeElement];
  page.side.replaceChildren(briefCard(found.brief), ...visitorCard(found.visitor), traceCard(), noteCard(typed));
  if (writing) page.side.querySelector(".note-box textarea").focus();
}

// Name and address were signed by the shop's server; what its page says proves nothing.
function visitorCard(visitor) {
  if (!visitor) return [];
  const { verified, name, email, attributes } = visitor;
  const told = Object.entries(attributes).map(([key, value]) => h("p", { class: "fact" }, h("span", {}, key), h("b", {}, value)));
  return [
    h(
      "section",
      { class: "card visitor" },
      h("h3", {}, say("customer"), h("i", { class: `tag ${verified ? "passed" : ""}` }, say(verified ? "verified" : "unverified"))),
      name ? fact("name", name) : null,
      email ? fact("email", email) : null,
      told.length ? h("h4", {}, say("page_says")) : null,
      told,
    ),
  ];
}

function briefCard(brief) {
  return h(
    "section",
    { class: "card brief" },
    h("h3", {}, say("brief")),
    brief.reason ? fact("reason", coded("reason", brief.reason)) : null,
    brief.tried.length ? h("h4", {}, say("asked_about")) : null,
    h(
      "ol",
      {},
      brief.tried.map((tried) =>
        h(
          "li",
          {},
          h("span", { class: "asked", title: tried.question }, tried.question),
          h(
            "span",
            { class: "soft" },
            [coded("action", tried.action ?? "none"), tried.evidence == null ? null : percent(tried.evidence), ...tried.sources].filter((part) => part).join(" · "),
          ),
        ),
      ),
    ),
  );
}

function fact(name, value) {
  return h("p", { class: "fact" }, h("span", {}, say(name)), h("b", {}, value));
}

function traceCard() {
  const trace = talk.trace;
  const card = h("section", { class: "card trace" }, h("h3", {}, say("trace")));
  if (!trace) {
    card.append(h("p", { class: "soft" }, say("trace_hint")));
    return card;
  }
  card.append(
    fact("decision", `${coded("action", trace.action)} (${trace.reason ?? "–"})`),
    fact("evidence", percent(trace.evidence)),
    fact("question", trace.question ?? "–"),
    fact("model", trace.model ?? "–"),
    fact("adapter", trace.adapter ?? say("base")),
    fact("took", `${Math.round(trace.timings_ms?.total ?? 0)} ms`),
    h("h4", {}, say("passages")),
  );
  if (!trace.hits.length) card.append(h("p", { class: "soft" }, say("no_passages")));
  for (const hit of trace.hits)
    card.append(
      h(
        "details",
        { class: "hit" },
        h("summary", {}, h("span", { class: "score" }, hit.score.toFixed(2)), h("span", {}, hit.title ?? hit.passage_id)),
        h("p", { class: "soft" }, hit.place ?? ""),
        h("p", {}, hit.text ?? say("passage_gone")),
      ),
    );
  return card;
}

function noteCard(typed) {
  const input = h("textarea", { rows: "2", placeholder: say("note_hint"), "aria-label": say("notes"), maxlength: "8000" });
  input.value = typed;
  const add = button(
    say("add_note"),
    () =>
      attempt(async () => {
        if (!input.value.trim()) return;
        await call(path("notes"), { text: input.value });
        input.value = "";
        await refresh();
      }, add),
    "add-note",
  );
  return h("section", { class: "card note-box" }, h("h3", {}, say("notes")), input, add);
}
