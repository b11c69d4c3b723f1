// Untrusted text: what ui/markup.py made of Markdown becomes text nodes and listed elements, never HTML.

const PLAIN = new Set(
  "p br strong em code pre ul ol li blockquote h table thead tbody tr th td hr".split(" "),
);
const LINK = /^(https?:\/\/|mailto:)/i;

// Builds what ui/markup.py made of Markdown: strings are text, lists are elements.
function build(node) {
  if (typeof node === "string") return document.createTextNode(node);
  const [tag, ...rest] = node;
  const attributes = rest[0] !== null && typeof rest[0] === "object" && !Array.isArray(rest[0]) ? rest.shift() : {};
  const children = rest.map(build);
  if (tag === "a" && LINK.test(attributes.href ?? "") && URL.canParse(attributes.href))
    return h(
      "a",
      { href: attributes.href, title: attributes.href, target: "_blank", rel: "noopener noreferrer nofollow" },
      ...children,
    );
  if (tag === "h") return h("p", { class: "heading" }, ...children);
  if (tag === "table") return h("div", { class: "scroll", tabindex: "0" }, h("table", {}, ...children));
  if (!PLAIN.has(tag)) return h("span", {}, ...children);
  const element = h(tag, {}, ...children);
  if (tag === "ol" && /^\d{1,6}$/.test(attributes.start ?? "")) element.setAttribute("start", attributes.start);
  return element;
}

// Replaces only what changed, so that a reader's selection in the finished part of a growing answer survives.
function show(container, blocks) {
  const drawn = container.drawn ?? [];
  blocks.forEach((block, at) => {
    const key = JSON.stringify(block);
    if (drawn[at] === key) return;
    drawn[at] = key;
    const node = build(block);
    if (container.childNodes[at]) container.replaceChild(node, container.childNodes[at]);
    else container.append(node);
  });
  while (container.childNodes.length > blocks.length) container.lastChild.remove();
  container.drawn = drawn.slice(0, blocks.length);
}

// Marks the quoted words in a shown passage; spaces and Markdown signs do not count.
function mark(container, quote) {
  const walker = document.createTreeWalker(container, NodeFilter.SHOW_TEXT);
  const places = [];
  let text = "";
  for (let node = walker.nextNode(); node; node = walker.nextNode())
    for (let at = 0; at < node.data.length; at++)
      if (!/[\s*_`|#>-]/.test(node.data[at])) {
        text += node.data[at];
        places.push([node, at]);
      }
  const wanted = quote.replace(/[\s*_`|#>-]/g, "");
  const start = wanted ? text.indexOf(wanted) : -1;
  if (start < 0) return null;
  const runs = new Map();
  for (const [node, at] of places.slice(start, start + wanted.length)) {
    const run = runs.get(node) ?? [at, at];
    runs.set(node, [run[0], at]);
  }
  let first = null;
  for (const [node, [from, to]] of runs) {
    const range = document.createRange();
    range.setStart(node, from);
    range.setEnd(node, to + 1);
    const highlight = h("mark");
    range.surroundContents(highlight);
    first ??= highlight;
  }
  return first;
}
