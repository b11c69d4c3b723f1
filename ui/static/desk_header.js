// The bar above the tabs: whose desk this is, who is logged in, and the way out.

const who = h("span", { class: "who" });
element.replaceChildren(
  h(
    "header",
    { class: "desk-bar" },
    h("span", { class: "mark", "aria-hidden": "true" }, props.company.slice(0, 1)),
    h("h1", {}, props.company, h("small", {}, say("desk"))),
    who,
    h("form", { method: "post", action: "/desk/logout" }, h("button", { class: "btn" }, say("log_out"))),
  ),
);
document.documentElement.lang = language === "zh" ? "zh-Hans" : language;
call("/me").then(({ name }) => who.replaceChildren(name), () => {});
