// Learning cycles and adapters: what was trained, how it was judged, what serves, and the way back.

const training = { shown: "", open: null };
const story = h("div", { class: "training" });
element.replaceChildren(story);

async function loadTraining() {
  if (!element.isConnected || element.offsetParent === null) return;
  const found = await call("/training");
  const key = JSON.stringify([found, training.open]);
  if (key === training.shown) return;
  training.shown = key;
  story.replaceChildren(shelf(found), cycles(found.runs), moves(found.changes));
}

const named = (id) => id ?? say("base_model");

function shelf(found) {
  const back = button(say("roll_back"), () => attempt(() => rollBack(), back), "rollback");
  return h(
    "section",
    { class: "card" },
    h("div", { class: "top" }, h("h2", {}, say("adapters")), h("span", { class: "soft" }, say("serves_now", { name: named(found.serving) })), found.may_change && found.can_roll_back ? back : null),
    found.adapters.length ? table([say("adapter"), say("made"), say("validation_loss"), ""], found.adapters.map((entry) => adapterRow(entry, found))) : h("p", { class: "soft" }, say("no_adapters")),
    found.may_change ? null : h("p", { class: "soft" }, say("admins_only")),
  );
}

function adapterRow(entry, found) {
  const promote = button(say("promote"), () => attempt(() => promoteOne(entry.id, found.serving), promote), "promote");
  let state = null;
  if (entry.serves) state = h("i", { class: "tag person" }, say("serves"));
  else if (entry.blocked) state = h("i", { class: "tag failed", title: entry.blocked }, say("blocked"));
  else if (found.may_change) state = promote;
  return [entry.id, clock(entry.made), entry.validation_loss?.toFixed(3) ?? "–", state];
}

async function promoteOne(id, serving) {
  if (!(await ask(say("promote_sure", { id, serving: named(serving) }), say("promote")))) return;
  await call(`/adapters/${encodeURIComponent(id)}/promote`, {});
  toast(say("promoted_done", { id }));
  await loadTraining();
}

async function rollBack() {
  if (!(await ask(say("roll_back_sure"), say("roll_back")))) return;
  const { serving } = await call("/rollback", {});
  toast(say("promoted_done", { id: named(serving) }));
  await loadTraining();
}

function table(heads, rows) {
  const cells = (kind, row) => row.map((cell) => h(kind, {}, cell));
  return h("div", { class: "scroll", tabindex: "0" }, h("table", {}, h("thead", {}, h("tr", {}, cells("th", heads))), h("tbody", {}, rows.map((row) => h("tr", {}, cells("td", row))))));
}

function cycles(runs) {
  return h("section", { class: "card" }, h("h2", {}, say("runs")), runs.length ? runs.map(cycle) : h("p", { class: "soft" }, say("no_runs")));
}

function cycle(run) {
  const told = h("div", { class: "story" });
  const details = h(
    "details",
    { class: "run", open: training.open === run.id },
    h(
      "summary",
      {},
      h("b", {}, clock(run.started_at)),
      h("i", { class: `tag ${run.decision ?? run.state}` }, coded("decision", run.decision ?? run.state)),
      h("span", { class: "soft" }, run.candidate ?? run.trigger),
    ),
    h("ul", {}, run.reasons.map((reason) => h("li", {}, inWords(reason, run.checks), h("span", { lang: "en" }, reason)))),
    run.checks.length ? table([say("check"), say("against"), say("result")], run.checks.map((check) => [coded("check", check.name), coded("against", check.against), verdict(check)])) : null,
    told,
    h("p", { class: "soft" }, run.steps.map((step) => `${step.name} ${step.state === "done" ? `${step.seconds} s` : step.state}`).join(" · ")),
    run.note ? h("a", { href: `/api/v1/staff/runs/${encodeURIComponent(run.id)}/note`, target: "_blank", rel: "noopener" }, say("read_note")) : null,
  );
  details.addEventListener("toggle", () => {
    if (details.open) attempt(() => tellStory(run.id, told));
    if (details.open) training.open = run.id;
    else if (training.open === run.id) training.open = null;
  });
  return details;
}

const outcome = (check) => check.outcome.replace(" ", "_");

function verdict(check) {
  return h("span", {}, h("i", { class: `tag ${outcome(check)}` }, coded("outcome", outcome(check))), h("span", { lang: "en" }, ` ${check.words}`));
}

// The gate writes its sentences in English; other readers get which check it was, and how it went, in theirs.
function inWords(reason, checks) {
  const check = language === "en" ? null : checks.find((other) => other.words === reason);
  return check ? `${coded("check", check.name)} (${coded("against", check.against)}): ${coded("outcome", outcome(check))}. ` : null;
}

function moves(changes) {
  return h(
    "section",
    { class: "card" },
    h("h2", {}, say("history")),
    changes.length
      ? table(
          [say("when"), say("what"), say("from"), say("to"), say("reason")],
          changes.map((change) => [clock(change.at), coded("change", change.action), named(change.previous), named(change.adapter), change.reason]),
        )
      : h("p", { class: "soft" }, say("no_history")),
  );
}

const look = () => attempt(loadTraining);
look();
new IntersectionObserver(look).observe(element);
follow(() => loadTraining().catch(() => {}), 10);
