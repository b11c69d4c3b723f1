// The frame of the page: bar, column of messages, composer, dialogs.

const page = {};

function draw() {
  document.documentElement.lang = state.language === "zh" ? "zh-Hans" : state.language;
  element.replaceChildren();
  page.log = h("div", { class: "log", role: "log", "aria-live": "polite", tabindex: "0", onscroll: atScroll });
  page.rows = h("div", { class: "column" });
  page.log.append(page.rows);
  page.jump = h(
    "button",
    { class: "jump round", type: "button", "aria-label": say("latest"), title: say("latest"), hidden: true },
    icon("down"),
  );
  page.jump.addEventListener("click", () => toEnd(true));
  page.chat = h("div", { class: "chat" }, header(), page.log, composer());
  page.source = h("dialog", { class: "source", "aria-labelledby": "source-title" });
  page.person = personDialog();
  for (const dialog of [page.source, page.person])
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  element.append(page.chat, page.source, page.person);
}

function header() {
  const others = Object.keys(props.words).filter((code) => code !== state.language);
  return h(
    "header",
    { class: "bar" },
    h("span", { class: "mark", "aria-hidden": "true" }, props.company.slice(0, 1)),
    h("div", { class: "names" }, h("h1", {}, props.company), h("span", {}, say("subtitle"))),
    h(
      "button",
      {
        class: "pill ask-person",
        type: "button",
        "aria-label": say("talk_to_person"),
        onclick: () => page.person.showModal(),
      },
      icon("person"),
      h("span", { class: "roomy" }, say("talk_to_person")),
      h("span", { class: "narrow" }, say("person")),
    ),
    ...others.map((code) =>
      h(
        "button",
        {
          class: "plain",
          type: "button",
          lang: code,
          title: say("language"),
          "aria-label": `${say("language")}: ${props.words[code].name}`,
          onclick: () => speak(code),
        },
        code === "zh" ? "中" : code.toUpperCase(),
      ),
    ),
    h(
      "button",
      {
        class: "plain round",
        type: "button",
        "aria-label": say("new_conversation"),
        title: say("new_conversation"),
        onclick: startAnew,
      },
      icon("plus"),
    ),
  );
}

function composer() {
  page.banner = h("p", { class: "banner", role: "status", hidden: true });
  page.input = h("textarea", {
    rows: "1",
    placeholder: say("placeholder"),
    "aria-label": say("message"),
    enterkeyhint: "send",
    autocomplete: "off",
    onkeydown: atKey,
    oninput: fit,
  });
  page.button = h("button", { class: "round go", type: "submit", disabled: true });
  page.input.value = load(DRAFT, "sessionStorage") ?? "";
  const form = h("form", { class: "box", onsubmit: atSubmit }, page.input, page.button);
  page.foot = h("footer", { class: "foot" }, h("div", { class: "column" }, page.jump, page.banner, form));
  page.fine = h("p", { class: "fine", role: "status" });
  page.foot.firstChild.append(page.fine);
  drawButton();
  return page.foot;
}

function personWait() {
  const hours = props.person_hours;
  if (hours <= 1) return say("person_wait_hour");
  if (hours < 24) return say("person_wait_hours", { number: hours });
  if (hours < 48) return say("person_wait_day");
  return say("person_wait_days", { number: Math.round(hours / 24) });
}

function personDialog() {
  page.personProblem = h("p", { class: "problem", role: "alert", hidden: true });
  page.personYes = h("button", { class: "primary", type: "button", onclick: askPerson }, say("person_ask"));
  return h(
    "dialog",
    { class: "person", "aria-labelledby": "person-title" },
    h("h2", { id: "person-title" }, say("person_title")),
    h("p", {}, say("person_text")),
    h("p", {}, personWait()),
    h("p", { class: "soft" }, say("person_keep_writing")),
    page.personProblem,
    h(
      "div",
      { class: "buttons" },
      page.personYes,
      h("button", { class: "secondary", type: "button", onclick: () => page.person.close() }, say("person_not_now")),
    ),
  );
}

function welcome() {
  const asked = state.questions.map((question) =>
    h("li", {}, h("button", { class: "suggestion", type: "button", onclick: () => send(question) }, question)),
  );
  return h(
    "section",
    { class: "welcome" },
    h("span", { class: "mark large", "aria-hidden": "true" }, props.company.slice(0, 1)),
    h("h2", {}, say("greeting")),
    h("p", {}, say("invitation")),
    asked.length ? h("ul", {}, ...asked) : null,
  );
}

function drawButton() {
  const stopping = state.turn !== null;
  const label = say(stopping ? "stop" : "send");
  page.button.replaceChildren(stopping ? h("span", { class: "square" }) : icon("send"));
  page.button.setAttribute("aria-label", label);
  page.button.title = label;
  page.button.disabled = !stopping && (page.input.value.trim() === "" || tooLong() || state.conversation === "closed");
  const fine = tooLong() ? say("problem_too_long", { number: LONGEST }) : say("fine_print");
  if (page.fine.textContent !== fine) page.fine.textContent = fine; // it is read aloud when it changes
  page.fine.classList.toggle("problem", tooLong());
}

// What is pasted stays whole and is not sent: a field that cuts it would send half a message.
function tooLong() {
  return page.input.value.trim().length > LONGEST;
}

function drawBanner() {
  const words = { waiting: "waiting", person: "with_person", closed: "closed" }[state.conversation];
  const drawn = JSON.stringify([words, state.language, person.place, person.sent, person.rated]);
  if (drawn !== page.banner.drawn) {
    page.banner.drawn = drawn;
    page.banner.hidden = !words;
    page.banner.replaceChildren(h("span", {}, words ? say(words) : ""));
    drawPerson(page.banner);
  }
  if (words === "waiting") askPlace();
  page.input.disabled = state.conversation === "closed";
  drawButton();
  if (following && !page.rows.querySelector(".welcome")) toEnd(); // the banner takes room from the messages
}

function fit() {
  save(DRAFT, page.input.value || null, "sessionStorage");
  page.input.style.height = "auto";
  page.input.style.height = `${Math.min(page.input.scrollHeight, 168)}px`;
  drawButton();
}

// ---- scrolling -----------------------------------------------------------------------------------------------

let following = true;

function atScroll() {
  following = page.log.scrollHeight - page.log.scrollTop - page.log.clientHeight < 64;
  page.jump.hidden = following;
}

function toEnd(smooth = false) {
  following = true;
  page.jump.hidden = true;
  page.log.scrollTo({ top: page.log.scrollHeight, behavior: smooth && !quiet.matches ? "smooth" : "instant" });
}
