// Where the visitor writes: a field that grows to six lines, sends with Enter, and says when a text is too long.

function composer() {
  view.input = h("textarea", {
    rows: "1",
    dir: "auto",
    placeholder: say("placeholder"),
    "aria-label": say("message"),
    enterkeyhint: "send",
    oninput: () => (fit(), typing()),
    onkeydown: (event) => {
      if (event.isComposing || event.keyCode === 229) return; // choosing Chinese characters also ends with Enter
      if (event.key !== "Enter" || event.shiftKey) return;
      event.preventDefault();
      submit();
    },
  });
  view.go = h("button", { class: "go", type: "submit" });
  view.finish = h("button", { class: "link", type: "button", onclick: finish }, say("end_chat"));
  view.fine = h("span", { role: "status" });
  const fine = h("p", { class: "fine", dir: "auto" }, view.fine, " ", view.finish);
  const form = h("form", { class: "composer" }, h("div", { class: "box" }, view.input, view.go), fine);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (state.turn && !view.input.value.trim()) stopTurn();
    else submit();
  });
  return form;
}

// One line, growing to six: rows are counted, because a strict page forbids nothing but inline styles.
function fit() {
  view.input.rows = 1;
  while (view.input.rows < 6 && view.input.scrollHeight > view.input.clientHeight + 2) view.input.rows += 1;
  drawComposer();
}

function submit() {
  const text = view.input.value.trim();
  if (!text || tooLong()) return;
  view.input.value = "";
  fit();
  following = true;
  sendText(text);
}

// What is pasted stays whole and is not sent: a field that cuts it would send half a message.
function tooLong() {
  return view.input.value.trim().length > CONFIG.longest;
}

function drawComposer() {
  const stops = state.turn && !view.input.value.trim();
  view.go.replaceChildren(icon(stops ? "stop" : "send"));
  view.go.setAttribute("aria-label", say(stops ? "stop" : "send"));
  view.go.title = say(stops ? "stop" : "send");
  view.go.disabled = tooLong();
  const fine = tooLong() ? say("problem_too_long", { number: CONFIG.longest }) : say("fine_print");
  if (view.fine.textContent !== fine) view.fine.textContent = fine; // it is read aloud when it changes
  view.fine.classList.toggle("problem", tooLong());
  view.composer.hidden = state.who === "closed";
  view.finish.hidden = !memory.id || state.who === "closed";
  view.person.hidden = state.who !== "assistant";
}
