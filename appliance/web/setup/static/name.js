// Proposes the part before the @ while the name is typed, until it is changed
// by hand.
const display = document.getElementById("display");
const name = document.getElementById("name");
let mine = name.value === "";

name.addEventListener("input", () => { mine = name.value === ""; });
display.addEventListener("input", () => {
  if (!mine) return;
  const first = display.value.trim().split(/\s+/)[0] || "";
  name.value = first.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").toLowerCase().replace(/[^a-z0-9._-]/g, "");
});
