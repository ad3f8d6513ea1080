// Three kinds of charts, as SVG. Each has a title for those who do not see it, and values as text for those who do.

import { s } from "/admin/dom.js";

const WIDTH = 520;
const HEIGHT = 220;
const EDGE = { left: 8, right: 8, top: 22, bottom: 24 };

/** points: [{label, value}] */
export function columns(title, points, format) {
  const inner = frame();
  const most = Math.max(...points.map((point) => point.value), 1);
  const step = inner.width / points.length;
  const marks = points.map(({ label, value }, n) => {
    const height = Math.max((Math.max(value, 0) / most) * inner.height, value ? 2 : 0);
    const x = EDGE.left + n * step;
    const y = EDGE.top + inner.height - height;
    return s("g", {},
      s("rect.one", { x: x + step * 0.18, y, width: step * 0.64, height, rx: 4 }),
      s("text.value", { x: x + step / 2, y: y - 6, "text-anchor": "middle" }, format(value)),
      s("text", { x: x + step / 2, y: HEIGHT - 6, "text-anchor": "middle" }, label));
  });
  return chart(title, axis(), marks);
}

export function line(title, points, format) {
  const inner = frame();
  const most = Math.max(...points.map((point) => point.value), 1);
  const step = inner.width / points.length;
  const at = points.map(({ value }, n) => [EDGE.left + (n + 0.5) * step, EDGE.top + inner.height * (1 - value / most)]);
  const path = at.map(([x, y], n) => `${n ? "L" : "M"}${x},${y}`).join("");
  const ground = EDGE.top + inner.height;
  const marks = points.map(({ label, value }, n) => s("g", {},
    s("circle.one", { cx: at[n][0], cy: at[n][1], r: 4 }),
    s("text.value", { x: at[n][0], y: at[n][1] - 9, "text-anchor": "middle" }, format(value)),
    s("text", { x: at[n][0], y: HEIGHT - 6, "text-anchor": "middle" }, label)));
  return chart(title, axis(), at.length > 1 ? s("path.area", { d: `${path}L${at.at(-1)[0]},${ground}L${at[0][0]},${ground}Z` }) : null,
    s("path.line", { d: path }), marks);
}

/** Horizontal bars, the longest first. */
export function bars(title, points, format, kind = "two") {
  const row = 28;
  const most = Math.max(...points.map((point) => point.value), 1);
  const marks = points.map(({ label, value }, n) => {
    const width = Math.max((value / most) * 290, value ? 2 : 0);
    return s("g", {},
      s("text", { x: 0, y: n * row + 18 }, label.length > 20 ? `${label.slice(0, 19)}…` : label),
      s(`rect.${kind}`, { x: 140, y: n * row + 5, width, height: 18, rx: 4 }),
      s("text.value", { x: 146 + width, y: n * row + 18 }, format(value)));
  });
  return s("svg", { viewBox: `0 0 ${WIDTH} ${Math.max(points.length, 1) * row}`, role: "img" }, s("title", {}, title), marks);
}

const frame = () => ({ width: WIDTH - EDGE.left - EDGE.right, height: HEIGHT - EDGE.top - EDGE.bottom });

function axis() {
  const y = HEIGHT - EDGE.bottom;
  return s("line.axis", { x1: EDGE.left, x2: WIDTH - EDGE.right, y1: y, y2: y });
}

function chart(title, ...marks) {
  return s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" }, s("title", {}, title), ...marks);
}
