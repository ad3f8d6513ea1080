// What the page shows: each section is a function that gives nodes, asked again whenever something changed.

import { download, get, health, page, post, put, remove } from "/admin/api.js";
import { bars, columns, line } from "/admin/charts.js";
import { ask, button, card, count, h, money, notice, table, when } from "/admin/dom.js";

const DASHBOARD = "/api/admin/dashboard";
const PENDING = 20; // tutors on a page; how many there are in all is not told
const monthName = (month) => new Date(`${month}-01T00:00:00`).toLocaleDateString(undefined, { month: "short" });

export async function overview() {
  return [
    await part(null, "stats", tiles),
    h("div.pair", {}, await Promise.all([
      part("Revenue by month", "monthly-revenue", (months) => columns("Revenue by month",
        months.map((m) => ({ label: monthName(m.month), value: m.revenue })), (value) => money(Math.round(value), months[0].currency).replace(/\.00$/, ""))),
      part("Users", "user-growth", (months) => line("Users at the end of each month",
        months.map((m) => ({ label: monthName(m.month), value: m.total_users })), count)),
      part("Subjects", "subject-distribution", (subjects) => (subjects.length
        ? bars("Bookings by subject", subjects.slice(0, 10).map((t) => ({ label: t.subject_name ?? "No subject", value: t.bookings })), count)
        : h("p.quiet", {}, "Nothing was booked yet."))),
      part("Sessions", "session-metrics", (sessions) => [
        h("p.quiet", {}, `No-show rate ${(sessions.no_show_rate * 100).toFixed(1)} %`),
        bars("Sessions by state", Object.entries(sessions.by_status).map(([label, value]) => ({ label: label.toLowerCase().replaceAll("_", " "), value })), count, "three")]),
      part("Upcoming sessions", "upcoming-sessions", (upcoming) => table([
        ["Start", (t) => when(t.start_at), "nowrap"], ["Student", (t) => t.student_name ?? "–"], ["Tutor", (t) => t.tutor_name ?? "–"],
        ["Status", (t) => t.status.toLowerCase()]], upcoming.slice(0, 10), "No session is planned.")),
      part("Recent activities", "recent-activities", (activities) => h("ul.feed", {},
        activities.map((a) => h("li", {}, h("span", {}, a.description), h("time", { datetime: a.created_at }, when(a.created_at)))))),
    ])),
  ];
}

/** One dashboard; that it cannot be had leaves the others as they are. Without a title it is no card. */
async function part(title, name, draw) {
  let shown;
  try {
    shown = draw(await get(`${DASHBOARD}/${name}`));
  } catch (problem) {
    shown = h("p.problem", {}, problem.message);
  }
  return title ? card(title, shown) : shown;
}

const tiles = (stats) => h("div.tiles", {},
  tile("Users", count(stats.total_users)), tile("Students", count(stats.total_students)), tile("Tutors", count(stats.total_tutors)),
  tile("To approve", count(stats.pending_approvals)), tile("Bookings", count(stats.total_bookings)),
  tile("Revenue this month", money(stats.revenue_this_month, stats.currency),
    stats.currencies_without_rate.length ? `without ${stats.currencies_without_rate.join(", ")}: no rate is set` : null));

export async function tutors(again, state) {
  const pending = await get("/api/admin/tutors/pending", { page: state.page ?? 1, page_size: PENDING });
  const decide = (profile) => [
    button("Approve", async () => {
      await post(`/api/admin/tutors/${profile.id}/approve`);
      notice(`${profile.name} was approved.`);
      again();
    }),
    button("Reject", async () => {
      const reason = await ask(`Reject ${profile.name}?`, "Reason, for the tutor to read");
      if (reason === null) return;
      await post(`/api/admin/tutors/${profile.id}/reject`, { rejection_reason: reason });
      notice(`${profile.name} was rejected.`);
      again();
    }, "danger"),
  ];
  const named = pending.map((p) => ({ ...p, name: [p.first_name, p.last_name].filter(Boolean).join(" ") || p.name || p.title || `Tutor ${p.id}` }));
  return [card("Tutors who wait for approval", table([
    ["Tutor", (p) => [p.name, h("div.quiet", {}, p.title ?? "")]],
    ["Subjects", (p) => (p.subjects ?? []).map((t) => t.name ?? t).join(", ")],
    ["Rate", (p) => (p.hourly_rate == null ? "–" : money(p.hourly_rate, p.currency ?? "USD")), "number"],
    ["About", (p) => (p.bio ?? "").slice(0, 240)],
    ["", decide, "actions"]], named, "Nobody waits."),
  pager(state, again, pending.length < PENDING ? state.page ?? 1 : Infinity))];
}

export async function users(again, state) {
  const found = await get("/api/admin/users", { page: state.page ?? 1, page_size: 25, search: state.search, role: state.role });
  const change = (user, body, text) => async () => {
    await put(`/api/admin/users/${user.id}`, body);
    notice(text);
    again();
  };
  return [card(`Users (${count(found.total)})`, searchBar(state, again, [
    field("Search", h("input", { name: "search", value: state.search ?? "", placeholder: "name or e-mail" })),
    field("Role", choice("role", ["", "student", "tutor", "admin"], state.role))]),
  table([
    ["Id", (u) => String(u.id), "number"], ["Name", (u) => `${u.first_name} ${u.last_name}`], ["E-mail", (u) => u.email], ["Role", (u) => u.role],
    ["Since", (u) => when(u.created_at), "nowrap"], ["Active", (u) => (u.is_active ? "yes" : h("span.bad", {}, "no"))],
    ["", (u) => [
      u.is_active ? button("Deactivate", change(u, { is_active: false }, `${u.email} was deactivated.`))
        : button("Activate", change(u, { is_active: true }, `${u.email} is active.`)),
      button("Delete", async () => {
        if (!confirm(`Delete ${u.email}? It can be restored.`)) return;
        await remove(`/api/admin/users/${u.id}`);
        notice(`${u.email} was deleted.`);
        again();
      }, "danger")], "actions"]], found.items, "Nobody was found."),
  pager(state, again, Math.ceil(found.total / 25))), await deletedUsers(again, state)];
}

async function deletedUsers(again, state) {
  const found = await get("/api/audit/deleted-users", { page: state.deleted ?? 1, page_size: 10 });
  const restore = (user) => button("Restore", async () => {
    await post("/api/audit/restore-user", { user_id: user.id });
    notice(`${user.email} was restored.`);
    again();
  });
  return card(`Deleted users (${count(found.total)})`, table([
    ["Id", (u) => String(u.id), "number"], ["Name", (u) => `${u.first_name} ${u.last_name}`], ["E-mail", (u) => u.email], ["Role", (u) => u.role],
    ["Deleted", (u) => when(u.deleted_at), "nowrap"], ["Reason", (u) => u.deletion_reason ?? ""], ["", restore, "actions"]], found.items, "Nobody is deleted."),
  pager({ page: state.deleted }, ({ page: deleted }) => again({ ...state, deleted }), Math.ceil(found.total / 10)));
}

export async function audit(again, state) {
  const only = { action_type: state.action_type, user_id: state.user_id, target_type: state.target_type, target_id: state.target_id, from: state.from, to: state.to };
  const { items, total } = await page("/api/audit/logs", { ...only, page: state.page ?? 1, page_size: 50 });
  const save = (format) => button(format.toUpperCase(), () => download("/api/audit/logs/export", { ...only, format }, `audit-log.${format}`));
  return [card(`Audit log (${count(total)}${total === 10_000 ? " or more" : ""})`, searchBar(state, again, [
    field("Action", h("input", { name: "action_type", value: state.action_type ?? "" })),
    field("By user", h("input", { name: "user_id", value: state.user_id ?? "", inputmode: "numeric", pattern: "[0-9]*" })),
    field("On", choice("target_type", ["", "user", "tutor", "subject", "booking", "audit_log", "replicas"], state.target_type)),
    field("Number", h("input", { name: "target_id", value: state.target_id ?? "", inputmode: "numeric", pattern: "[0-9]*" })),
    field("From", h("input", { name: "from", type: "date", value: state.from ?? "" })),
    field("To", h("input", { name: "to", type: "date", value: state.to ?? "" }))], [save("csv"), save("ndjson")]),
  table([
    ["When", (e) => when(e.created_at), "nowrap"], ["Who", (e) => (e.user_id == null ? "–" : String(e.user_id)), "number"], ["Action", (e) => e.action],
    ["Whom", (e) => [e.target_type, e.target_id].filter((part) => part != null).join(" "), "nowrap"],
    ["Details", (e) => h("code", {}, Object.keys(e.details).length ? JSON.stringify(e.details) : "")],
    ["From", (e) => h("span", { title: e.user_agent }, e.ip_address ?? "")]], items, "Nothing was recorded."),
  pager(state, again, Math.ceil(total / 50)))];
}

export async function system() {
  const outcome = h("div");
  const integrity = (repair) => async () => {
    outcome.replaceChildren(h("p.quiet", {}, "Comparing every replica with its owner…"));
    try {
      outcome.replaceChildren(...compared(await get("/api/health/integrity", { repair })));
    } catch (problem) {
      outcome.replaceChildren(h("p.problem", {}, problem.message));
    }
  };
  return [
    await services(),
    card("Integrity", h("div.bar", {}, button("Compare", integrity(false)), button("Compare and repair", integrity(true))), outcome),
  ];
}

const compared = ({ status, report }) => [
  h("p", {}, h(status === "healthy" ? "b.good" : "b.bad", {}, status), ` · ${report.checked.length} replicas compared, ${report.total_issues} issues, ${report.total_repaired} repaired`),
  table([["Service", (i) => i.service], ["Entity", (i) => i.entity], ["Id", (i) => (i.id == null ? "" : String(i.id)), "number"], ["Problem", (i) => i.problem]],
    [...report.issues, ...report.unchecked], "Nothing is wrong."),
];

/** As the reporting service sees them; where it is down itself, as the gateway does. */
async function services() {
  const [told, seen] = await Promise.allSettled([get(`${DASHBOARD}/system`), health()]);
  if (told.status === "rejected" && seen.status === "rejected") throw told.reason;
  const states = Object.entries(seen.value?.services ?? {}).map(([service, state]) => ({ service, is_ready: state === "healthy" }));
  const gateway = { service: "gateway", is_ready: seen.status === "fulfilled" };
  return card("Services",
    told.status === "rejected" ? h("p.problem", {}, `How much waits is not known. ${told.reason.message}`) : null,
    table([
      ["Service", (x) => x.service], ["State", (x) => (x.is_ready ? h("span.good", {}, "ready") : h("span.bad", {}, "not ready"))],
      ["Events waiting", (x) => count(x.queue_depth), "number"], ["Dead letters", (x) => warned(x.dead_letters), "number"],
      ["Outbox", (x) => count(x.outbox_depth), "number"], ["Oldest, s", (x) => count(x.outbox_age), "number"]],
    [gateway, ...(told.value ?? states)], ""));
}

const tile = (name, value, note = null) => h("div.card", {}, h("span.quiet", {}, name), h("b", {}, value), note && h("small.bad", {}, note));
const warned = (number) => (number ? h("b.bad", {}, count(number)) : count(number));
const field = (name, input) => h("label", {}, name, input);
const choice = (name, values, chosen) => h("select", { name }, values.map((value) => h("option", { value, selected: value === (chosen ?? "") }, value || "any")));

function searchBar(state, again, fields, extra = []) {
  const form = h("form.bar", {}, fields, h("button", {}, "Show"), h("span.grow"), extra);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    again({ ...Object.fromEntries(new FormData(form)), page: 1 });
  });
  return form;
}

function pager(state, again, last) {
  const now = state.page ?? 1;
  if (last <= 1) return null;
  const to = (number) => () => again({ ...state, page: number });
  const back = button("Newer", to(now - 1));
  const on = button("Older", to(now + 1));
  back.disabled = now <= 1;
  on.disabled = now >= last;
  return h("div.bar.pages", {}, back, h("span.quiet", {}, Number.isFinite(last) ? `page ${now} of ${last}` : `page ${now}`), on);
}
