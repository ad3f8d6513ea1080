// The AsyncAPI document to read: every event, who says and who hears it, and what it carries.

import { card, h, table } from "/admin/dom.js";

const spec = await (await fetch("/asyncapi.json")).json();
const { messages, schemas } = spec.components;
const named = (reference) => reference.split("/").at(-1);

function typeOf(schema) {
  if (schema.$ref) return named(schema.$ref);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.join(" | ");
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(" | ");
  if (schema.type === "array") return `list of ${typeOf(schema.items ?? {})}`;
  return [schema.type ?? "anything", schema.format].filter(Boolean).join(", ");
}

function fields(schema) {
  const required = new Set(schema.required ?? []);
  const rows = Object.entries(schema.properties ?? {}).map(([name, field]) => ({ name, field, required: required.has(name) }));
  return table([
    ["Field", (row) => h("code", {}, row.name)],
    ["Type", (row) => typeOf(row.field)],
    ["", (row) => (row.required ? "" : h("span.quiet", {}, "optional"))]], rows, "It carries nothing.");
}

function heardBy(event) {
  return Object.values(spec.operations)
    .filter((operation) => operation.action === "receive" && named(operation.messages[0].$ref) === event.title)
    .map((operation) => operation.tags[0].name);
}

function describe(event) {
  const listeners = heardBy(event);
  const isPrivate = event.tags.some((tag) => tag.name === "private");
  return h("details", { id: event.name },
    h("summary", {}, h("code", {}, event.name), isPrivate ? h("b.bad", {}, " private") : null),
    event.description ? h("p", {}, event.description) : null,
    h("p.quiet", {}, listeners.length ? `Heard by ${listeners.join(", ")}.` : "Nobody here listens."),
    fields(schemas[event.title]));
}

const publishers = new Map();
for (const message of Object.values(messages)) {
  const publisher = message.tags[0].name;
  publishers.set(publisher, [...(publishers.get(publisher) ?? []), message]);
}
const sections = [...publishers.keys()].sort();
document.querySelector("nav").append(...sections.map((name) => h("a", { href: `#${name}` }, name)));
document.querySelector("main").replaceChildren(
  h("section.card", {}, spec.info.description.split("\n\n").map((paragraph) => h("p", {}, paragraph))),
  ...sections.map((name) => {
    const section = card(name, ...publishers.get(name).map(describe));
    section.id = name;
    return section;
  }));
const chosen = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
if (chosen) {
  chosen.open = true;
  chosen.scrollIntoView();
}
