// A list: keys, search as you type, and new mail without reload. Without this
// script all of it is links, forms and loading the page again.
import { act, keys } from "./keys.js";

const place = document.getElementById("rows");
const state = document.getElementById("state");
const fresh = document.getElementById("fresh");
const scope = document.querySelector(".mail").dataset.scope;

// --- The row that keys are about, by its id: rows are replaced.
let at = "";
const rows = () => [...place.querySelectorAll(".row")];
const row = () => document.getElementById(at) || null;

function select(next) {
  row()?.classList.remove("at");
  if (!next) return;
  at = next.id;
  next.classList.add("at");
  next.querySelector(".open").focus();
}
function step(by) {
  const all = rows();
  const i = all.indexOf(row());
  select(all[i < 0 ? 0 : Math.min(all.length - 1, Math.max(0, i + by))]);
}
// chosen does something with the ticked rows, or with the one the keys are at.
function chosen(value) {
  if (!place.querySelector(".messages :checked")) {
    const box = row()?.querySelector("[name=uid]");
    if (!box) return;
    box.checked = true;
  }
  act(value);
}
const has = (value) => place.querySelector(`#acts button[value="${value}"]`) !== null;
keys({
  j: () => step(1), k: () => step(-1), o: () => row()?.querySelector(".open").click(), Enter: () => row()?.querySelector(".open").click(),
  u: () => show(), x: () => { const box = row()?.querySelector("[name=uid]"); if (box) box.checked = !box.checked; },
  e: () => chosen("archive"), "#": () => chosen(has("trash") ? "trash" : "delete"), "!": () => chosen("junk"), U: () => chosen("unread"),
  s: () => row()?.querySelector(".star")?.click(), c: () => location.assign("/mail/write"),
  "/": () => { document.getElementById("q").focus(); document.getElementById("q").select(); },
});
place.addEventListener("focusin", (event) => {
  const near = event.target.closest(".row");
  if (near && near.id !== at) { row()?.classList.remove("at"); at = near.id; near.classList.add("at"); }
});
place.addEventListener("change", (event) => {
  if (event.target.id === "all") for (const box of place.querySelectorAll("[name=uid]")) box.checked = event.target.checked;
});
function furnish() {
  const all = place.querySelector(".all");
  if (all) all.hidden = false;
}
furnish();

// --- Rows from the box.
let asked = null; // the request under way: a newer one ends it
async function fetchRows(path) {
  asked?.abort();
  asked = new AbortController();
  const url = new URL(path, location.href);
  url.searchParams.set("part", "rows");
  const answer = await fetch(url, { signal: asked.signal, headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) throw new Error(answer.status);
  return new DOMParser().parseFromString(await answer.text(), "text/html").querySelector(".found");
}
function put(found) {
  const ticked = new Set([...place.querySelectorAll("[name=uid]:checked")].map((box) => box.closest(".row").id));
  const focused = place.contains(document.activeElement) ? document.activeElement.closest(".row")?.id : "";
  place.replaceChildren(found);
  for (const id of ticked) {
    const box = document.getElementById(id)?.querySelector("[name=uid]");
    if (box) box.checked = true;
  }
  furnish();
  row()?.classList.add("at");
  if (focused) document.getElementById(focused)?.querySelector(".open").focus();
}

// --- Search as you type, going on into older mail by itself.
const form = document.querySelector(".searching");
const here = location.pathname + location.search;
let timer = 0;
form.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(search, 120);
});
async function search() {
  const query = form.q.value.trim();
  const path = query ? "/mail/search?" + new URLSearchParams({ q: query, in: form.in.value }) : here;
  history.replaceState(null, "", path);
  try {
    put(await fetchRows(path));
    if (query) await goOn();
    say("");
  } catch (error) {
    failed(error);
  }
}
// failed says that the box does not answer, unless something newer was asked.
function failed(error) {
  if (error.name !== "AbortError") say(place.dataset.offline);
}
// goOn searches older mail until there is a screenful: the box answers in parts.
async function goOn() {
  for (let next; (next = place.querySelector(".found").dataset.next) && rows().length < 20; ) {
    say(place.dataset.searching);
    join(await fetchRows(next));
  }
  say("");
}
if (location.pathname === "/mail/search") goOn().catch(failed);
// join adds what was found further down.
function join(found) {
  const shown = place.querySelector(".found");
  const list = shown.querySelector(".messages");
  const more = found.querySelector(".messages");
  if (list && more) list.append(...more.children);
  else if (more) shown.querySelector(".nothing").replaceWith(more);
  else if (!list) shown.querySelector(".nothing").replaceWith(found.querySelector(".nothing"));
  shown.querySelector(".pages")?.remove();
  const pages = found.querySelector(".pages");
  if (pages) shown.append(pages);
  shown.dataset.next = found.dataset.next;
}

// --- New mail. A change of rows that stand where they stood is shown at once;
// what would move rows under a finger waits for a press of the button, unless
// nobody is looking.
let waiting = null;
function say(text) { state.textContent = text; }
function show() {
  if (!waiting) return;
  put(waiting);
  waiting = null;
  fresh.hidden = true;
  say("");
}
fresh.addEventListener("click", () => { show(); rows()[0]?.querySelector(".open").focus(); });
document.addEventListener("visibilitychange", () => { if (document.hidden) show(); });

async function refresh() {
  let found;
  try {
    found = await fetchRows(location.pathname + location.search);
  } catch (error) {
    return; // the next event, or the next look at the page, tries again
  }
  const old = rows();
  const next = [...found.querySelectorAll(".row")];
  const same = old.length === next.length && old.every((one, i) => one.id === next[i].id);
  waiting = found;
  if (same || document.hidden || old.length === 0) {
    show();
    return;
  }
  const known = new Set(old.map((one) => one.id));
  const first = next.find((one) => !known.has(one.id));
  say(first ? place.dataset.new.replace("{who}", first.querySelector(".names").textContent + " · " + first.querySelector(".subject").textContent.trim()) : place.dataset.changed);
  fresh.hidden = false;
}

// listed is the state of the folder that the list on the page, or the one that
// waits to be shown, was made from.
const listed = () => (waiting || place.querySelector(".found")).dataset.state;
function listen() {
  const events = new EventSource("/mail/events?mailbox=" + scope);
  events.addEventListener("news", (event) => {
    const news = JSON.parse(event.data);
    for (const [id, count] of Object.entries(news.counts)) {
      for (const place of document.querySelectorAll(`[data-folder="${id}"]`)) {
        place.textContent = count;
        place.hidden = count === 0;
      }
    }
    if (scope !== "0" && !form.q.value.trim() && String(news.state) !== listed()) refresh();
    if (state.textContent === place.dataset.offline) say("");
  });
  events.addEventListener("error", () => {
    if (!waiting) say(place.dataset.offline); // until the next event
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, 30000);
  });
}
listen();
