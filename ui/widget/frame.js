// The iframe variant: outside, an iframe of our server's own page that grows and shrinks; inside, the same widget.

// Outside: commands go in, events come out; nobody but the frame is listened to.
function startFrame() {
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(CSS);
  root.adoptedStyleSheets = [sheet];
  const query = new URLSearchParams({ site_key: options.siteKey ?? "", parent: location.origin });
  for (const name of ["locale", "theme", "accent", "position", "title", "greeting", "launcher", "open", "dir"])
    if (options[name]) query.set(name, options[name]);
  if (!options.locale && document.documentElement.lang) query.set("locale", document.documentElement.lang);
  const frame = h("iframe", { class: "frame", src: `${HOST}/widget/frame?${query}`, title: options.title ?? CONFIG.company, allow: "" });
  frame.classList.toggle("left", options.position === "left");
  const waiting = [];
  const send = (words) => (waiting.ready ? frame.contentWindow.postMessage({ assistant: "command", words }, HOST) : waiting.push(words));
  let user = null;
  for (const name of ["open", "close", "toggle", "setAttributes", "setLocale", "setTheme", "reset"])
    commands[name] = (...values) => send([name, ...values]);
  commands.setUser = (given) => {
    user = given;
    send(["setUser", typeof given === "function" ? "ask" : given]);
  };
  addEventListener("message", async (event) => {
    if (event.source !== frame.contentWindow || event.origin !== HOST) return;
    if (event.data?.assistant === "ask") send(["user", typeof user === "function" ? await user() : user]);
    if (event.data?.assistant !== "event") return;
    const { name, detail } = event.data;
    if (name === "open" || name === "close") frame.classList.toggle("open", name === "open");
    if (name === "ready") {
      waiting.ready = true;
      waiting.splice(0).forEach(send);
      return;
    }
    announce(name, detail);
  });
  root.append(frame);
  document.body.append(host);
  if (options.visitorToken) commands.setUser(options.visitorToken);
}

// Inside: only the page that frames us may command, and it is the one our server allowed.
function hearParent() {
  let answer = null;
  addEventListener("message", (event) => {
    if (event.source !== window.parent || event.origin !== options.parent || event.data?.assistant !== "command") return;
    const [name, value, ...rest] = event.data.words;
    if (name === "user") answer?.(value);
    else if (name === "setUser" && value === "ask")
      commands.setUser(() => {
        window.parent.postMessage({ assistant: "ask" }, options.parent);
        return new Promise((resolve) => (answer = resolve));
      });
    else obey(name, value, ...rest);
  });
}
