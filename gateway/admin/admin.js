// The administrators' page: signs in, and shows the section that the address names.

import { signIn, signOut, signedIn } from "/admin/api.js";
import { h, notice } from "/admin/dom.js";
import { audit, overview, system, tutors, users } from "/admin/sections.js";

const SECTIONS = { overview, tutors, users, audit, system };
const REFRESH = { overview: 15_000, system: 5_000 }; // milliseconds after which what is seen is asked for again
const form = document.querySelector("#sign-in");
const office = document.querySelector("#office");
const main = document.querySelector("main");
let showing = 0;
let asked = {}; // what the person searched for in the section, last
let timer;

const name = () => (location.hash.slice(1) in SECTIONS ? location.hash.slice(1) : "overview");

function start() {
  const user = signedIn();
  form.hidden = Boolean(user);
  office.hidden = !user;
  clearTimeout(timer);
  if (!user) return;
  document.querySelector("#who").textContent = user.email;
  show({});
}

/** Shows the section, with what was asked for last unless something else is. An older answer never replaces a newer one. */
async function show(state = asked) {
  asked = state;
  const section = name();
  const mine = ++showing;
  clearTimeout(timer);
  document.querySelector("nav").replaceChildren(...Object.keys(SECTIONS).map((key) =>
    h("a", { href: `#${key}`, "aria-current": key === section ? "page" : null }, key[0].toUpperCase() + key.slice(1))));
  try {
    const nodes = await SECTIONS[section](show, state);
    if (mine === showing) main.replaceChildren(...nodes);
  } catch (problem) {
    if (signedIn() && mine === showing) notice(problem.message, "problem");
  }
  if (REFRESH[section] && mine === showing) timer = setTimeout(refresh, REFRESH[section], section);
}

/** Not while somebody reads what they asked for: then it would be gone. */
function refresh(section) {
  const reading = document.hidden || (section === "system" && main.querySelector("section:last-child > div:last-child")?.childNodes.length);
  if (reading) timer = setTimeout(refresh, REFRESH[section], section);
  else if (section === name()) show();
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const problem = form.querySelector(".problem");
  const fields = new FormData(form);
  problem.hidden = true;
  try {
    await signIn(fields.get("email"), fields.get("password"));
    form.reset();
    start();
  } catch (error) {
    problem.textContent = error.message;
    problem.hidden = false;
  }
});
document.querySelector("#sign-out").addEventListener("click", signOut);
addEventListener("signed-out", start);
addEventListener("hashchange", () => show({}));
start();
