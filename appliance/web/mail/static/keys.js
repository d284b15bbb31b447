// Keys of well-known web mail. Single keys can be switched off for those whose
// speech or hands press them by accident (WCAG 2.1.4).
const dialog = document.getElementById("keys");
const box = document.getElementById("keys-on");
const stored = "mail-keys";
let on = true;
try { on = localStorage.getItem(stored) !== "off"; } catch { /* the browser keeps nothing: they are on */ }
box.checked = on;
box.addEventListener("change", () => {
  on = box.checked;
  try { localStorage.setItem(stored, on ? "on" : "off"); } catch { /* until the page is left */ }
});

export function help() { dialog.showModal(); }

for (const button of document.querySelectorAll("#help")) {
  button.hidden = false;
  button.addEventListener("click", help);
}

// typing tells whether a key belongs to a field.
function typing(target) {
  return target.closest("input:not([type=checkbox]), textarea, select, [contenteditable], dialog") !== null;
}

// keys has actions done by keys. A capital stands for itself with shift.
export function keys(actions) {
  document.addEventListener("keydown", (event) => {
    if (!on || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (event.key === "Enter" && event.target.closest("a, button, summary, label")) return;
    const action = event.key === "?" ? help : actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
}

// follow goes where a link of the page goes, if it is there.
export function follow(id) {
  const link = document.getElementById(id);
  if (link) link.click();
}

// act submits the page's form as one of its buttons does.
export function act(value) {
  const button = document.querySelector(`#acts button[name=do][value="${value}"]`);
  if (button) button.click();
}

export function flag() {
  const button = document.querySelector(`#acts button.star[name=do]`);
  if (button) button.click();
}
