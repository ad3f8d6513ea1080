// Elements from data. Whatever people wrote goes in as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

/** h("td.number", {title: "…"}, child, …): children are nodes, text, or arrays of them; null is left out. */
export function h(what, attributes = {}, ...children) {
  return fill(document.createElement(what.split(".")[0]), what, attributes, children);
}

export function s(what, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, what.split(".")[0]), what, attributes, children);
}

function fill(element, what, attributes, children) {
  const classes = what.split(".").slice(1);
  if (classes.length) element.setAttribute("class", classes.join(" "));
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child != null));
  return element;
}

export const when = (instant) => new Date(instant).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
export const money = (amount, currency) => new Intl.NumberFormat(undefined, { style: "currency", currency }).format(amount);
export const count = (number) => (number == null ? "–" : new Intl.NumberFormat().format(number));

/** columns: [heading, row => cell (node or text), class?] */
export function table(columns, rows, empty) {
  if (!rows.length) return h("p.quiet", {}, empty);
  return h("div.scroll", {}, h("table", {},
    h("thead", {}, h("tr", {}, columns.map(([heading, , kind]) => h(kind ? `th.${kind}` : "th", {}, heading)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, columns.map(([, cell, kind]) => h(kind ? `td.${kind}` : "td", {}, cell(row))))))));
}

export const card = (title, ...children) => h("section.card", {}, h("h2", {}, title), ...children);

export function button(text, act, kind = "") {
  const element = h(kind ? `button.${kind}` : "button", { type: "button" }, text);
  element.addEventListener("click", async () => {
    element.disabled = true;
    try {
      await act();
    } catch (problem) {
      notice(problem.message, "problem");
    } finally {
      element.disabled = false;
    }
  });
  return element;
}

export function notice(text, kind = "") {
  const line = h(kind ? `p.${kind}` : "p", {}, text);
  document.querySelector("#notice").append(line);
  setTimeout(() => line.remove(), 5000);
}

/** What the person wrote, or null. */
export function ask(title, label) {
  const dialog = document.querySelector("#ask");
  dialog.querySelector("h2").textContent = title;
  dialog.querySelector("label span").textContent = label;
  dialog.querySelector("form").reset();
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue ? dialog.querySelector("textarea").value : null), { once: true });
  });
}
