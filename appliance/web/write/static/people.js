// Addresses that complete themselves: a combobox with a list (ARIA APG), for
// the word after the last comma.

let serial = 0;

// current is the part of the field the caret is in, as [start, end, text].
function current(input) {
  const caret = input.selectionStart ?? input.value.length;
  let start = 0, quoted = false, end = input.value.length;
  for (let i = 0; i < input.value.length; i++) {
    const c = input.value[i];
    if (c === '"') quoted = !quoted;
    if (quoted || (c !== "," && c !== ";")) continue;
    if (i < caret) start = i + 1;
    else { end = i; break; }
  }
  return [start, end, input.value.slice(start, end).trim()];
}

export function complete(input, label) {
  const list = document.createElement("ul");
  list.className = "offers";
  list.id = "offers-" + ++serial;
  list.hidden = true;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", label);
  input.after(list);
  input.setAttribute("role", "combobox");
  input.setAttribute("aria-autocomplete", "list");
  input.setAttribute("aria-expanded", "false");
  input.setAttribute("aria-controls", list.id);

  let chosen = -1, timer, asked = "";

  function close() {
    list.hidden = true;
    list.replaceChildren();
    chosen = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function point(i) {
    const all = [...list.children];
    chosen = (i + all.length) % all.length;
    all.forEach((li, n) => li.setAttribute("aria-selected", String(n === chosen)));
    input.setAttribute("aria-activedescendant", all[chosen].id);
    all[chosen].scrollIntoView({ block: "nearest" });
  }

  function take(i) {
    const [start, end] = current(input);
    const before = input.value.slice(0, start).trimEnd();
    const text = list.children[i].dataset.text;
    const after = input.value.slice(end).replace(/^[,;\s]*/, "");
    const head = (before ? before + " " : "") + text + ", ";
    input.value = head + after;
    input.setSelectionRange(head.length, head.length);
    input.dispatchEvent(new Event("input", { bubbles: true }));
    close();
  }

  async function offer() {
    const typed = current(input)[2];
    if (typed.length < 1 || typed.includes(">")) return close();
    asked = typed;
    let found;
    try {
      const answer = await fetch("/mail/write/addresses?q=" + encodeURIComponent(typed), { headers: { Accept: "application/json" } });
      if (!answer.ok) return close();
      found = await answer.json();
    } catch {
      return close();
    }
    if (asked !== typed || document.activeElement !== input) return;
    if (found.length === 0) return close();
    list.replaceChildren(...found.map((one, n) => {
      const li = document.createElement("li");
      li.id = list.id + "-" + n;
      li.setAttribute("role", "option");
      li.setAttribute("aria-selected", "false");
      li.dataset.text = one.text;
      li.textContent = one.name ? one.name + " <" + one.address + ">" : one.address;
      li.addEventListener("mousedown", (e) => { e.preventDefault(); take(n); });
      return li;
    }));
    chosen = -1;
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
  }

  input.addEventListener("input", (e) => {
    if (!e.isTrusted) return;
    clearTimeout(timer);
    timer = setTimeout(offer, 120);
  });
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (e) => {
    if (list.hidden) return;
    switch (e.key) {
      case "ArrowDown": point(chosen + 1); break;
      case "ArrowUp": point(chosen < 0 ? -1 : chosen - 1); break;
      case "Escape": close(); break;
      case "Enter": take(Math.max(chosen, 0)); break;
      case "Tab": if (chosen < 0) { close(); return; } take(chosen); break;
      default: return;
    }
    e.preventDefault();
  });
}
