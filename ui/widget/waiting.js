// While a person is awaited: the place in the queue, told honestly, and a contact form when nobody is there.

const PLACE_MS = 20000;
let placeTimer = null;

async function drawWaiting() {
  clearTimeout(placeTimer);
  if (state.who !== "waiting" || !memory.id) {
    view.contact?.remove();
    view.contact = null;
    return;
  }
  placeTimer = setTimeout(drawWaiting, PLACE_MS);
  try {
    const place = await (await call("GET", `/conversations/${memory.id}/waiting`)).json();
    if (state.who !== "waiting") return;
    view.banner.textContent = `${say("waiting")} ${place.text}`;
    if (place.contact && !view.contact) showContact();
  } catch {
    return; // the banner's own words stand; the timer asks again
  }
}

function showContact() {
  const field = (tag, word, more) => h(tag, { "aria-label": say(word), placeholder: say(word), required: true, dir: "auto", ...more });
  const address = field("input", "contact_address", { maxlength: "200", autocomplete: "email" });
  const text = field("textarea", "contact_text", { maxlength: "4000", rows: "2" });
  const form = h("form", { class: "closing contact" }, address, text, h("button", { class: "primary small", type: "submit" }, say("contact_send")));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    form.querySelector(".after")?.remove();
    try {
      await call("POST", `/conversations/${memory.id}/contact`, { contact: address.value, text: text.value });
      form.replaceChildren(after(say("contact_sent")));
    } catch (problem) {
      form.append(after(explain(problem)));
    }
  });
  view.contact = form;
  view.log.insertBefore(form, view.end);
  keepUp();
}
