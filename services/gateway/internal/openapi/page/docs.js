// Shows openapi.json: the menu, one service at a time with its methods, their fields, and a form to try each.
"use strict";

const verbs = ["get", "post", "patch", "put", "delete"];
const state = { doc: null, services: [], token: "" };

// make builds an element: attributes that begin with "on" are listeners, children are nodes or text.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === undefined || value === null) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

// inline turns `code` in a text into elements.
function inline(text) {
  return text.split(/(`[^`]+`)/).map((part) =>
    part.length > 2 && part.startsWith("`") ? make("code", {}, part.slice(1, -1)) : part);
}

// prose turns a comment into paragraphs and lists.
function prose(text) {
  const blocks = (text || "").trim().split(/\n\s*\n/).filter(Boolean);
  return blocks.map((block) => {
    const lines = block.split("\n");
    if (!lines.every((line) => /^\s*[-*] |^\s{2,}/.test(line))) return make("p", {}, inline(lines.join(" ")));
    const items = [];
    for (const line of lines) {
      if (/^\s*[-*] /.test(line)) items.push(line.replace(/^\s*[-*] /, ""));
      else if (items.length) items[items.length - 1] += " " + line.trim();
    }
    return make("ul", {}, items.map((item) => make("li", {}, inline(item))));
  });
}

const shortName = (ref) => ref.split("/").pop().split(".").pop();

function resolve(schema) {
  if (!schema) return {};
  if (schema.$ref) return state.doc.components.schemas[schema.$ref.split("/").pop()] || {};
  if (schema.allOf && schema.allOf.length === 1) return { ...resolve(schema.allOf[0]), ...schema, allOf: undefined };
  return schema;
}

function refOf(schema) {
  if (!schema) return "";
  return schema.$ref || (schema.allOf && schema.allOf.length === 1 && schema.allOf[0].$ref) || "";
}

function typeText(schema) {
  if (!schema) return "";
  const ref = refOf(schema);
  if (schema.type === "array") return "list of " + typeText(schema.items);
  if (ref) return shortName(ref);
  if (schema.additionalProperties && !schema.properties) {
    return "map to " + (schema.additionalProperties === true ? "anything" : typeText(schema.additionalProperties));
  }
  if (schema.enum) return "enum";
  return (schema.type || "any") + (schema.format ? " · " + schema.format : "");
}

const enumOf = (schema) => resolve(schema).enum || (schema && schema.items && resolve(schema.items).enum);

function enumList(schema) {
  const values = enumOf(schema);
  return values ? make("div", { class: "enum" }, values.map((value) => make("code", {}, String(value)))) : null;
}

// nested shows the fields of an object inside, made when it is opened, so that types may contain themselves.
function nested(schema) {
  const inner = schema && schema.type === "array" ? schema.items : schema;
  const fields = resolve(inner).properties;
  if (!fields || !Object.keys(fields).length) return null;
  const holder = make("div", { class: "inner" });
  return make("details", {
    class: "more",
    ontoggle: (event) => { if (event.target.open && !holder.childElementCount) holder.append(fieldTable(inner)); },
  }, make("summary", {}, shortName(refOf(inner) || "fields")), holder);
}

function fieldRow(name, schema, flags, description) {
  return make("tr", {},
    make("td", {}, make("span", { class: "name" }, name),
      flags.required ? make("span", { class: "required" }, "required") : null,
      flags.readOnly ? make("span", { class: "readonly" }, "set by the server") : null,
      make("span", { class: "type" }, typeText(schema))),
    make("td", {}, prose(description), enumList(schema), nested(schema)));
}

function fieldTable(schema) {
  const whole = resolve(schema);
  const required = whole.required || [];
  return make("table", { class: "fields" }, make("tbody", {},
    Object.entries(whole.properties || {}).map(([name, field]) =>
      fieldRow(name, field, { required: required.includes(name), readOnly: field.readOnly },
        field.description || resolve(field).description))));
}

const contentOf = (holder) => Object.entries((holder && holder.content) || {})[0] || [];

// sample is a body to begin with: what a client sets, required fields first.
function sample(schema, depth = 0) {
  const whole = resolve(schema);
  if (whole.enum) return whole.enum.find((value) => !String(value).endsWith("UNSPECIFIED")) || whole.enum[0];
  if (whole.type === "array") return depth > 2 ? [] : [sample(whole.items, depth + 1)];
  if (whole.type === "boolean") return false;
  if (whole.type === "integer" || whole.type === "number") return 0;
  if (!whole.properties) return whole.type === "object" ? {} : "";
  const out = {};
  const required = whole.required || [];
  const names = Object.keys(whole.properties).filter((name) => !whole.properties[name].readOnly);
  for (const name of names.filter((n) => depth === 0 || !required.length || required.includes(n))) {
    if (name === "name" || name === "etag") continue;
    if (depth < 3) out[name] = sample(whole.properties[name], depth + 1);
  }
  return out;
}

function accessTags(operation) {
  const access = operation["x-access"] || {};
  if (access.public) return make("div", { class: "tags" }, make("span", { class: "tag" }, "no token needed"));
  const tag = (label, value) => value ? make("span", { class: "tag" }, label + " ", make("b", {}, value)) : null;
  return make("div", { class: "tags" },
    tag("role", access.role + (access.orSelf ? " or oneself" : "")), tag("right on the space", access.right),
    tag("scope", access.scope));
}

function pathNodes(path) {
  return path.split(/(\{[^}]+\})/).map((part) => part.startsWith("{") ? make("var", {}, part) : part);
}

function parametersSection(title, parameters) {
  if (!parameters.length) return [];
  return [make("h4", {}, title), make("table", { class: "fields" }, make("tbody", {}, parameters.map((p) =>
    fieldRow(p.name, p.schema, { required: p.required && p.in !== "path" }, p.description))))];
}

function bodySection(title, schema, streaming) {
  if (!schema) return [];
  const ref = refOf(schema);
  const what = streaming ? "a stream of " + shortName(ref) : ref ? shortName(ref) : typeText(schema);
  const fields = resolve(schema).properties;
  const empty = !fields || !Object.keys(fields).length;
  return [make("h4", {}, title, " ", make("code", {}, what)), empty ? make("p", {}, "No fields.") : fieldTable(schema)];
}

function operationArticle(entry) {
  const { path, verb, operation } = entry;
  const parameters = operation.parameters || [];
  const [, request] = contentOf(operation.requestBody);
  const [type, response] = contentOf((operation.responses || {})["200"]);
  return make("article", { id: operation.operationId },
    make("header", {},
      make("h3", {}, entry.method),
      make("div", { class: "line" }, make("span", { class: "verb " + verb }, verb),
        make("span", { class: "path" }, pathNodes(path))),
      make("span", { class: "grpc" }, operation["x-grpc-method"] || "")),
    make("div", { class: "body" },
      prose(operation.description), accessTags(operation),
      parametersSection("Path", parameters.filter((p) => p.in === "path")),
      parametersSection("Query", parameters.filter((p) => p.in === "query")),
      parametersSection("Headers", parameters.filter((p) => p.in === "header")),
      bodySection("Body", request && request.schema),
      bodySection("Answer", response && response.schema, type === "text/event-stream"),
      tryIt(entry)));
}

// tryIt is a form that sends the request from this page.
function tryIt(entry) {
  const holder = make("div", { class: "inside" });
  return make("details", {
    class: "try",
    ontoggle: (event) => { if (event.target.open && !holder.childElementCount) fillForm(entry, holder); },
  }, make("summary", {}, "Try it"), holder);
}

function fillForm(entry, holder) {
  const parameters = entry.operation.parameters || [];
  const inputs = parameters.map((p) => {
    const input = make("input", { class: "value", placeholder: p.in === "path" ? "" : "optional", "aria-label": p.name });
    if (p.in === "path" && remembered[p.name]) input.value = remembered[p.name];
    if (p.name === "Idempotency-Key") input.placeholder = "a UUID; optional";
    return { p, input };
  });
  const [, request] = contentOf(entry.operation.requestBody);
  const body = request && make("textarea", { spellcheck: "false", "aria-label": "Body" });
  if (body) body.value = JSON.stringify(sample(request.schema), null, 2);
  const result = make("span", { class: "result", role: "status" });
  const output = make("pre", { hidden: true });
  const command = make("pre", { hidden: true });
  const stop = make("button", { class: "second", hidden: true }, "Stop");
  const target = () => compose(entry, inputs, body);
  holder.append(
    ...inputs.map(({ p, input }) => make("div", { class: "row" }, make("label", {}, p.name), input)),
    ...(body ? [make("h4", {}, "Body"), body] : []),
    make("div", { class: "actions" },
      make("button", { onclick: () => send(target(), result, output, stop) }, "Send"), stop,
      make("button", { class: "second", onclick: () => { command.hidden = false; command.textContent = curl(target()); } }, "curl"),
      result),
    command, output);
}

const remembered = {};

// compose makes the request that a form describes.
function compose(entry, inputs, body) {
  let path = entry.path;
  const query = new URLSearchParams();
  const headers = {};
  for (const { p, input } of inputs) {
    const value = input.value.trim();
    if (p.in === "path") {
      path = path.replace("{" + p.name + "}", encodeURIComponent(value));
      remembered[p.name] = value;
    } else if (value && p.in === "query") {
      for (const part of p.schema.type === "array" ? value.split(",") : [value]) query.append(p.name, part.trim());
    } else if (value) headers[p.name] = value;
  }
  if (state.token) headers.Authorization = "Bearer " + state.token;
  if (body) headers["Content-Type"] = "application/json";
  const text = query.toString();
  return {
    method: entry.verb.toUpperCase(), url: path + (text ? "?" + text : ""), headers, body: body ? body.value : undefined,
    stream: entry.path.endsWith("events:watch"),
  };
}

function curl(request) {
  const quote = (text) => "'" + text.replaceAll("'", "'\\''") + "'";
  const headers = Object.entries(request.headers).map(([name, value]) =>
    "-H " + (name === "Authorization" ? '"Authorization: Bearer $MERIDIAN_TOKEN"' : quote(name + ": " + value)));
  return ["curl", request.stream ? "-N" : "", request.method === "GET" ? "" : "-X " + request.method, ...headers,
    request.body ? "-d " + quote(request.body) : "", quote(location.origin + request.url)].filter(Boolean).join(" \\\n  ");
}

async function send(request, result, output, stop) {
  const control = new AbortController();
  const began = performance.now();
  result.textContent = "…";
  output.hidden = true;
  try {
    const { method, headers, body } = request;
    const response = await fetch(request.url, { method, headers, body, signal: control.signal });
    result.textContent = response.status + " " + response.statusText + " · " + Math.round(performance.now() - began) + " ms";
    output.hidden = false;
    if (request.stream && response.ok) {
      await follow(response, output, stop, control);
      return;
    }
    const text = await response.text();
    try { output.textContent = JSON.stringify(JSON.parse(text), null, 2); } catch { output.textContent = text; }
  } catch (error) {
    result.textContent = error.name === "AbortError" ? "stopped" : String(error);
  }
}

// follow shows the newest of a stream until it is stopped.
async function follow(response, output, stop, control) {
  stop.hidden = false;
  stop.onclick = () => control.abort();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  output.textContent = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      output.textContent = (output.textContent + value).slice(-20000);
      output.scrollTop = output.scrollHeight;
    }
  } finally {
    stop.hidden = true;
  }
}

// collect sorts the operations by service.
function collect(doc) {
  const described = Object.fromEntries((doc.tags || []).map((tag) => [tag.name, tag.description]));
  const services = {};
  for (const [path, operations] of Object.entries(doc.paths)) {
    for (const verb of verbs.filter((v) => operations[v])) {
      const operation = operations[verb];
      const [service, method] = operation.operationId.split("_");
      services[service] ||= { name: service, about: described[service], entries: [] };
      services[service].entries.push({ path, verb, operation, method, text: JSON.stringify([path, operation]).toLowerCase() });
    }
  }
  const groups = doc["x-tagGroups"] || [{ name: "", tags: Object.keys(services) }];
  return groups.map((group) => ({ name: group.name, services: group.tags.map((tag) => services[tag]).filter(Boolean) }));
}

function menu(groups) {
  document.getElementById("menu").replaceChildren(...groups.flatMap((group) => [
    make("div", { class: "group" }, group.name),
    ...group.services.map((service) => make("details", { "data-service": service.name },
      make("summary", {}, service.name.replace(/Service$/, "")),
      make("ul", {}, service.entries.map((entry) => make("li", {},
        make("a", { href: "#" + entry.operation.operationId, "data-id": entry.operation.operationId },
          make("span", { class: "verb " + entry.verb }, entry.verb), make("span", {}, entry.method))))))),
  ]));
}

function overview() {
  const { doc } = state;
  return [make("h1", {}, doc.info.title), ...prose(doc.info.description),
    ...state.services.flatMap((group) => [make("h2", {}, group.name),
      ...group.services.map((service) => make("article", {}, make("header", {},
        make("h3", {}, make("a", { href: "#" + service.name }, service.name)), ...prose(service.about),
        make("div", { class: "tags" }, service.entries.map((entry) =>
          make("a", { class: "tag", href: "#" + entry.operation.operationId }, entry.method))))))])];
}

// show draws what the address names: a service, one of its methods, or the overview.
function show() {
  const id = decodeURIComponent(location.hash.slice(1));
  const all = state.services.flatMap((group) => group.services);
  const service = all.find((s) => s.name === id.split("_")[0]);
  const main = document.getElementById("main");
  if (!service) main.replaceChildren(...overview());
  else if (main.dataset.service !== service.name) {
    main.replaceChildren(make("h1", {}, service.name), ...prose(service.about), ...service.entries.map(operationArticle));
  }
  main.dataset.service = service ? service.name : "";
  for (const link of document.querySelectorAll("nav [data-id]")) {
    link.classList.toggle("here", link.dataset.id === id);
    if (link.dataset.id === id) link.closest("details").open = true;
  }
  if (service) document.querySelector("nav [data-service=" + service.name + "]").open = true;
  const target = service && document.getElementById(id);
  if (target) target.scrollIntoView();
  else window.scrollTo(0, 0);
  document.title = (service ? id.replace("_", ".") + " · " : "") + state.doc.info.title;
}

function search(text) {
  const wanted = text.trim().toLowerCase();
  const found = new Set(state.services.flatMap((g) => g.services).flatMap((s) => s.entries)
    .filter((entry) => entry.text.includes(wanted)).map((entry) => entry.operation.operationId));
  for (const details of document.querySelectorAll("nav [data-service]")) {
    let any = false;
    for (const link of details.querySelectorAll("[data-id]")) {
      const shown = !wanted || found.has(link.dataset.id);
      link.parentElement.hidden = !shown;
      any ||= shown;
    }
    details.hidden = !any;
    if (wanted) details.open = any;
  }
}

async function begin() {
  const main = document.getElementById("main");
  try {
    const response = await fetch("/openapi.json");
    if (!response.ok) throw new Error(response.status + " " + response.statusText);
    state.doc = await response.json();
  } catch (error) {
    main.replaceChildren(make("p", {}, "The document could not be loaded: " + error.message));
    return;
  }
  state.services = collect(state.doc);
  menu(state.services);
  show();
  window.addEventListener("hashchange", show);
  document.getElementById("search").addEventListener("input", (event) => search(event.target.value));
  // The token stays in this page's memory and is gone with it.
  document.getElementById("token").addEventListener("input", (event) => { state.token = event.target.value.trim(); });
}

begin();
