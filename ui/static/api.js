// The API page: reads openapi.json, shows every operation, and tries it out, streams included.
// All text reaches the page as text nodes; nothing is loaded from anywhere else.

const METHODS = ["get", "post", "put", "patch", "delete"];
let spec;

function make(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children.filter((child) => child !== null));
  return node;
}

// Text whose `code` is set as code.
function prose(tag, text, properties = {}) {
  const parts = (text ?? "").split("`").map((part, n) => (n % 2 ? make("code", {}, part) : part));
  return make(tag, properties, ...parts);
}

function resolve(schema) {
  if (!schema?.$ref) return schema ?? {};
  return schema.$ref.slice(2).split("/").reduce((at, key) => at[key], spec);
}

// The schema itself, or what an optional one is when it is there.
function plain(schema) {
  const found = resolve(schema);
  const choices = (found.anyOf ?? []).filter((choice) => choice.type !== "null");
  if (choices.length !== 1) return found;
  const { anyOf, ...rest } = found;
  return { ...rest, ...resolve(choices[0]), description: found.description };
}

function typeOf(schema) {
  const found = plain(schema);
  if (found.anyOf) return found.anyOf.map(typeOf).join(" or ");
  if (found.enum) return found.enum.map((value) => JSON.stringify(value)).join(" | ");
  if ("const" in found) return JSON.stringify(found.const);
  if (found.type === "array") return `[${typeOf(found.items)}]`;
  const bounds = [
    ["minimum", "≥ "], ["maximum", "≤ "], ["minLength", "length ≥ "], ["maxLength", "length ≤ "],
  ].filter(([key]) => key in found).map(([key, sign]) => sign + found[key]);
  return [found.title && found.properties ? found.title : found.type ?? "any", ...bounds].join(", ");
}

function example(schema, depth = 0) {
  const found = plain(schema);
  if ("default" in found && found.default !== null) return found.default;
  if (found.enum) return found.enum[0];
  if ("const" in found) return found.const;
  if (found.anyOf) return example(found.anyOf[0], depth);
  if (found.type === "array") return depth > 3 ? [] : [example(found.items, depth + 1)];
  if (found.properties) {
    const required = found.required ?? [];
    const names = Object.keys(found.properties).filter((name) => required.includes(name));
    return Object.fromEntries(names.map((name) => [name, example(found.properties[name], depth + 1)]));
  }
  return { string: "…", integer: found.minimum ?? 1, number: 1, boolean: false }[found.type] ?? {};
}

function fieldTable(title, rows) {
  if (!rows.length) return null;
  const head = make("tr", {}, ...["name", "type", ""].map((name) => make("th", { scope: "col" }, name)));
  const body = rows.map(({ name, schema, required, where }) =>
    make("tr", {},
      make("td", {}, make("code", {}, name), required ? " *" : ""),
      make("td", {}, typeOf(schema), where ? ` (${where})` : ""),
      prose("td", plain(schema).description, { className: "note" })));
  return make("div", {}, make("h3", {}, title), make("table", {}, make("thead", {}, head), make("tbody", {}, ...body)));
}

function fieldsOf(schema) {
  const found = plain(schema);
  return Object.entries(found.properties ?? {}).map(([name, field]) =>
    ({ name, schema: field, required: (found.required ?? []).includes(name) }));
}

// What comes back: the fields of a success, and all failures in one line.
function responses(operation) {
  const [good, bad] = [[], []];
  for (const entry of Object.entries(operation.responses)) (entry[0] < "400" ? good : bad).push(entry);
  const shown = good.flatMap(([status, response]) => {
    const [kind, { schema } = {}] = Object.entries(response.content ?? {})[0] ?? ["no body"];
    const fields = schema ? fieldsOf(schema) : [];
    return fields.length ? [fieldTable(`Answer ${status}`, fields)] : [make("h3", {}, `Answer ${status}: ${kind}`)];
  });
  return make("div", {}, ...shown, make("p", { className: "note" }, `Failures: ${bad.map(([status]) => status).join(", ")}`));
}

// Sends the call and shows the answer as it arrives.
async function send(call, out, signal) {
  const token = document.getElementById("token").value.trim();
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  if (call.body !== undefined) headers["Content-Type"] = "application/json";
  out.className = "";
  out.textContent = "…";
  const answer = await fetch(call.url, { method: call.method.toUpperCase(), headers, body: call.body, signal });
  out.className = answer.ok ? "" : "bad";
  out.textContent = `${answer.status} ${answer.statusText}\n\n`;
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    text += part.value;
    out.append(part.value);
    out.scrollTop = out.scrollHeight;
  }
  if (answer.headers.get("content-type")?.includes("json")) {
    out.textContent = `${answer.status} ${answer.statusText}\n\n${JSON.stringify(JSON.parse(text), null, 2)}`;
  }
}

function tryOut(method, path, parameters, body) {
  const inputs = parameters.map(({ name, in: where }) => ({ name, where, input: make("input", { ariaLabel: name, placeholder: name }) }));
  const text = body ? make("textarea", { rows: 6, ariaLabel: "body", spellcheck: false, value: JSON.stringify(example(body), null, 2) }) : null;
  const out = make("pre", { hidden: true, ariaLive: "polite" });
  const go = make("button", { type: "button" }, "Send");
  const stop = make("button", { type: "button", hidden: true }, "Stop");
  go.addEventListener("click", async () => {
    const value = (input) => encodeURIComponent(input.value.trim());
    const inPath = inputs.filter(({ where }) => where === "path");
    const query = inputs.filter(({ where, input }) => where === "query" && input.value.trim());
    const filled = inPath.reduce((url, { name, input }) => url.replace(`{${name}}`, value(input)), path);
    const url = filled.slice(1) + (query.length ? "?" + query.map(({ name, input }) => `${name}=${value(input)}`).join("&") : "");
    const control = new AbortController();
    stop.onclick = () => control.abort();
    go.disabled = true;
    out.hidden = stop.hidden = false;
    try {
      await send({ method, url, body: text?.value }, out, control.signal);
    } catch (error) {
      out.append(error.name === "AbortError" ? "\n(stopped)" : `\nThe server cannot be reached: ${error.message}`);
    } finally {
      go.disabled = false;
      stop.hidden = true;
    }
  });
  return make("div", {}, make("h3", {}, "Try it"), ...inputs.map(({ input }) => input), text, go, stop, out);
}

function show(method, path, operation) {
  const parameters = (operation.parameters ?? []).filter((parameter) => parameter.in !== "header");
  const body = operation.requestBody?.content?.["application/json"]?.schema;
  const rows = parameters.map((parameter) => ({ ...parameter, where: parameter.in }));
  const summary = make("summary", {},
    make("span", { className: "method" }, method.toUpperCase()), make("span", { className: "path" }, path),
    make("span", { className: "note" }, operation.summary ?? ""));
  return make("details", {}, summary, make("div", { className: "body" },
    prose("p", operation.description),
    fieldTable("Parameters", rows), body ? fieldTable("Body", fieldsOf(body)) : null,
    responses(operation), tryOut(method, path, parameters, body)));
}

async function main() {
  spec = await (await fetch("openapi.json")).json();
  document.title = document.getElementById("title").textContent = `${spec.info.title}: API`;
  document.getElementById("about").replaceChildren(prose("span", spec.info.description));
  const groups = new Map();
  for (const [path, item] of Object.entries(spec.paths)) {
    for (const method of METHODS.filter((name) => name in item)) {
      const tag = item[method].tags?.[0] ?? "other";
      groups.set(tag, [...(groups.get(tag) ?? []), show(method, path, item[method])]);
    }
  }
  const sections = [...groups].map(([tag, nodes]) => make("section", {}, make("h2", {}, tag), ...nodes));
  document.getElementById("operations").replaceChildren(...sections);
}

main().catch((error) => {
  document.getElementById("operations").textContent = `openapi.json could not be read: ${error.message}`;
});
