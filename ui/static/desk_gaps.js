// Questions without an answer, alike ones together; an article can be written for each right here.

const gaps = h("div", { class: "training" });
element.replaceChildren(gaps);
let writing = null;

async function loadGaps() {
  if (writing || !element.isConnected || element.offsetParent === null) return;
  const found = await call("/gaps");
  gaps.replaceChildren(
    h("section", { class: "card" }, h("h2", {}, say("gaps")), found.length ? found.map(gapRow) : h("p", { class: "soft" }, say("no_gaps"))),
  );
}

function gapRow(gap) {
  const details = h(
    "details",
    { class: "gap" },
    h("summary", {}, h("i", { class: "tag waiting" }, say("times", { n: gap.count })), h("b", {}, gap.title), h("time", {}, clock(gap.latest))),
    gap.questions.length > 1 ? h("ul", {}, gap.questions.map((question) => h("li", {}, question))) : null,
    article(gap, () => details.remove()),
  );
  details.addEventListener("toggle", () => (writing = details.open ? gap.title : null));
  return details;
}

function article(gap, done) {
  const question = h("input", { maxlength: "500" });
  question.value = gap.title;
  const answer = h("textarea", { rows: "4", maxlength: "8000" });
  const save = button(
    say("to_knowledge"),
    () =>
      attempt(async () => {
        await call("/articles", { question: question.value, text: answer.value });
        toast(say("knowledge_done"));
        writing = null;
        done();
      }, save),
    "primary",
  );
  return h("div", {}, h("label", {}, say("answers_question"), question), h("label", {}, say("article_answer"), answer), h("div", { class: "actions" }, save));
}

const look = () => attempt(loadGaps);
look();
new IntersectionObserver(look).observe(element);

// Gradio's charts are drawn without names: a screen reader gets each chart's title, not its nameless marks.
function nameCharts() {
  for (const chart of document.querySelectorAll(".tabitem svg.marks")) {
    const title = [...chart.querySelectorAll(".role-title text")].map((text) => text.textContent).join(" ");
    if (title && chart.getAttribute("aria-label") !== title) chart.setAttribute("aria-label", title);
    if (chart.getAttribute("role") !== "img") chart.setAttribute("role", "img"); // each change calls us again
    for (const part of chart.querySelectorAll("[role^='graphics']")) {
      for (const name of ["role", "aria-roledescription", "aria-label"]) part.removeAttribute(name);
    }
  }
}
new MutationObserver(nameCharts).observe(element.closest(".tabitem") ?? document.body, { childList: true, subtree: true, attributeFilter: ["role"] });
