// The story of one learning cycle: its loss curve, and side by side the replies that changed most.

const stories = {}; // by run; a finished run does not change any more

async function tellStory(id, place) {
  if (place.childNodes.length) return;
  const story = (stories[id] ??= await call(`/runs/${encodeURIComponent(id)}/story`));
  place.replaceChildren(
    h("h3", {}, say("loss_curve")),
    story.points.length > 1 ? curve(story.points) : h("p", { class: "soft" }, say("no_curve")),
    h("div", { class: "both" }, changed("improved_most", story.improved), changed("worsened_most", story.worsened)),
  );
}

function changed(name, changes) {
  const card = ({ question, before, after, gain }) =>
    h(
      "article",
      { class: "changed" },
      h("p", { class: "asked" }, question, h("i", { class: `tag ${gain > 0 ? "passed" : "failed"}` }, `${gain > 0 ? "+" : "−"}${Math.abs(gain).toFixed(2)}`)),
      h("p", { class: "soft" }, h("b", {}, `${say("before")}: `), before),
      h("p", {}, h("b", {}, `${say("after")}: `), after),
    );
  return h("section", {}, h("h3", {}, say(name)), changes.length ? changes.map(card) : h("p", { class: "soft" }, say("nothing_changed")));
}

const CURVE = { width: 720, height: 220, left: 44, top: 12, right: 12, bottom: 26 };

function curve(points) {
  const { width, height, left, top, right, bottom } = CURVE;
  const losses = points.flatMap((point) => [point.train, point.validation]).filter((loss) => loss != null);
  const [low, high, last] = [Math.min(...losses), Math.max(...losses), points.at(-1).step || 1];
  const x = (step) => left + ((width - left - right) * step) / last;
  const y = (loss) => top + ((height - top - bottom) * (high - loss)) / (high - low || 1);
  const line = (kind) =>
    svg("polyline", {
      class: kind,
      points: points.filter((point) => point[kind] != null).map((point) => `${x(point.step).toFixed(1)},${y(point[kind]).toFixed(1)}`).join(" "),
    });
  const text = (at, label, anchor = "start") => svg("text", { x: at[0], y: at[1], "text-anchor": anchor }, label);
  const told = `${say("loss_validation")}: ${points[0].validation.toFixed(2)} → ${points.at(-1).validation.toFixed(2)}`;
  return h(
    "figure",
    {},
    svg(
      "svg",
      { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": told },
      svg("path", { class: "axes", d: `M${left},${top}V${height - bottom}H${width - right}` }),
      line("train"),
      line("validation"),
      text([left - 6, top + 8], high.toFixed(2), "end"),
      text([left - 6, height - bottom], low.toFixed(2), "end"),
      text([width - right, height - 8], String(last), "end"),
    ),
    h("figcaption", { class: "soft" }, h("span", { class: "key train" }, say("loss_train")), h("span", { class: "key validation" }, told)),
  );
}

function svg(tag, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}
