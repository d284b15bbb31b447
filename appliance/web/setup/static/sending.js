// Shows only the fields that belong to the way out that is chosen.
const server = document.getElementById("server");
const other = document.getElementById("other");
const provider = document.getElementById("provider");
const hint = document.getElementById("app-hint");

function update() {
  const way = document.querySelector("input[name=way]:checked");
  server.hidden = !way || way.value !== "smarthost";
  other.hidden = provider.value !== "other";
  hint.hidden = !provider.selectedOptions[0].hasAttribute("data-app");
}

document.addEventListener("change", update);
update();
