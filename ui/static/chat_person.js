// While a person is awaited: place in the queue, or a contact form when nobody is there. At the end: how was it?

async function rest(path, body) {
  const { conversation, token } = state.known;
  const request = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  const answer = await fetch(`/api/v1/conversations/${encodeURIComponent(conversation)}/${path}`, { ...request, headers });
  const data = await answer.json();
  if (!answer.ok) throw data.error;
  return data;
}

const person = { place: null, asked: 0, contact: null, sent: false, rated: null };

function drawPerson(banner) {
  if (state.conversation === "waiting") {
    banner.append(h("span", { class: "soft place" }, person.place?.text ?? personWait()));
    if (person.place?.contact) banner.append(contactForm());
  } else person.place = null;
  if (state.conversation === "closed" && state.known) banner.append(satisfaction());
}

// Asks the server at most every few seconds, however often it is called.
async function askPlace() {
  if (!state.known || Date.now() - person.asked < 6000) return;
  person.asked = Date.now();
  try {
    const place = await rest("waiting");
    const changed = place.text !== person.place?.text || place.contact !== person.place?.contact;
    person.place = place;
    if (changed && state.conversation === "waiting") drawBanner();
  } catch {
    return; // the banner's own words stand; the next drawing asks again
  }
}

function contactForm() {
  if (person.contact) return person.contact; // what is being written survives a new drawing
  const address = h("input", { class: "contact-address", "aria-label": say("contact_address"), placeholder: say("contact_address"), maxlength: "200", required: true });
  const text = h("textarea", { class: "contact-text", "aria-label": say("contact_text"), placeholder: say("contact_text"), maxlength: "4000", rows: "2", required: true });
  const problem = h("p", { class: "soft", role: "alert" });
  const form = h("form", { class: "contact" }, address, text, h("button", { class: "primary" }, say("contact_send")), problem);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await rest("contact", { contact: address.value, text: text.value });
      person.contact = h("p", { class: "contact" }, say("contact_sent"));
      person.sent = true;
      drawBanner();
    } catch (failure) {
      problem.textContent = explain(failure);
    }
  });
  return (person.contact = form);
}

function satisfaction() {
  if (person.rated === state.known.conversation) return h("p", { class: "satisfaction" }, say("satisfaction_thanks"));
  const stars = [1, 2, 3, 4, 5].map((score) =>
    h("button", { type: "button", class: "plain star", "aria-label": say("satisfaction_score", { number: score }), onclick: () => rateAll(score) }, "★"),
  );
  return h("div", { class: "satisfaction", role: "group", "aria-label": say("satisfaction_ask") }, h("span", {}, say("satisfaction_ask")), ...stars);
}

async function rateAll(score) {
  try {
    await rest("satisfaction", { score });
    person.rated = state.known.conversation;
    drawBanner();
  } catch (failure) {
    page.banner.append(h("p", { class: "soft", role: "alert" }, explain(failure)));
  }
}
