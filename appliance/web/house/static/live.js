// Keeps the status fresh: the box says when there is something new, and the
// part of the page that changes is fetched. What the reader has opened, and
// where the keyboard is, stays.
const live = document.getElementById("live");
let busy = false, again = false;

async function refresh() {
  if (document.hidden) return;
  if (busy) { again = true; return; }
  busy = true;
  try {
    const answer = await fetch(live.dataset.part, { headers: { "X-Requested-With": "live" } });
    if (answer.redirected || !answer.ok) { location.reload(); return; }
    put(await answer.text());
  } catch {
    // The box is restarting, or the network is gone: the stream tries again.
  } finally {
    busy = false;
  }
  if (again) { again = false; refresh(); }
}

function put(text) {
  const open = [...live.querySelectorAll("details[open]")].map(d => d.id);
  const focus = document.activeElement && live.contains(document.activeElement) ? document.activeElement : null;
  if (focus && focus.closest("details, a, pre")) {
    // Whoever reads or is about to follow a link is not interrupted.
    if (focus.matches("a, pre")) return;
  }
  const next = document.createElement("div");
  next.innerHTML = text;
  for (const id of open) next.querySelector("#" + CSS.escape(id))?.setAttribute("open", "");
  const focused = focus?.closest("details")?.id;
  live.replaceChildren(...next.childNodes);
  if (focused) live.querySelector("#" + CSS.escape(focused) + " > summary")?.focus();
}

let first = true;
const events = new EventSource(live.dataset.events);
events.onmessage = () => { if (!first) refresh(); first = false; };
document.addEventListener("visibilitychange", refresh);
