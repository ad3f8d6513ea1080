// The way to the API: signs in, sends the token, renews it once when it has expired.

const KEPT = "edustream.admin";
let session = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
let renewing = null;

export class Problem extends Error {
  constructor(status, body) {
    super(body?.detail ?? `The server answered ${status}.`);
    this.status = status;
  }
}

export const signedIn = () => session?.user ?? null;

export async function signIn(email, password) {
  const answer = await send("POST", "/auth/login", { email, password });
  if (answer.user.role !== "admin") {
    await send("POST", "/auth/logout", { refresh_token: answer.refresh_token }).catch(() => {});
    throw new Problem(403, { detail: "This account is not an administrator's." });
  }
  keep(answer);
}

export function signOut() {
  const token = session?.refresh_token;
  if (token) send("POST", "/auth/logout", { refresh_token: token }).catch(() => {});
  keep(null);
}

export const get = async (path, params = {}) => (await call("GET", withParams(path, params))).json();
export const post = async (path, body) => read(await call("POST", path, body));
export const put = async (path, body) => read(await call("PUT", path, body));
export const remove = async (path) => read(await call("DELETE", path));

/** What the gateway says of itself and of every service; 503 is an answer too. */
export const health = async () => read(await request("GET", "/health", undefined, false));

/** A page of a list whose total is in a header. */
export async function page(path, params) {
  const response = await call("GET", withParams(path, params));
  return { items: await response.json(), total: Number(response.headers.get("x-total-count")) };
}

export async function download(path, params, name) {
  const response = await call("GET", withParams(path, params));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

function withParams(path, params) {
  const said = Object.entries(params).filter(([, value]) => value !== "" && value != null);
  return said.length ? `${path}?${new URLSearchParams(said)}` : path;
}

async function call(method, path, body) {
  let response = await request(method, path, body);
  if (response.status === 401 && session?.refresh_token) {
    await renew();
    response = await request(method, path, body);
  }
  if (response.status === 401) keep(null);
  if (!response.ok) throw new Problem(response.status, await response.json().catch(() => null));
  return response;
}

/** Refresh tokens are good once: requests that find the token expired together renew it together. */
function renew() {
  renewing ??= send("POST", "/auth/refresh", { refresh_token: session.refresh_token })
    .then(keep, () => keep(null))
    .finally(() => { renewing = null; });
  return renewing;
}

async function send(method, path, body) {
  const response = await request(method, path, body, false);
  const answer = await read(response);
  if (!response.ok) throw new Problem(response.status, answer);
  return answer;
}

function request(method, path, body, authorized = true) {
  const headers = {};
  if (authorized && session) headers.Authorization = `Bearer ${session.access_token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  return fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), cache: "no-store" });
}

const read = (response) => (response.status === 204 ? null : response.json().catch(() => null));

function keep(answer) {
  session = answer;
  if (answer) sessionStorage.setItem(KEPT, JSON.stringify(answer));
  else {
    sessionStorage.removeItem(KEPT);
    dispatchEvent(new Event("signed-out"));
  }
}
