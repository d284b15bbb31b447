// Tells when the box is gone, and when it is back.
const say = document.getElementById("stopping");
let gone = false;

async function look() {
  let there = false;
  try {
    there = (await fetch("/healthz", { cache: "no-store" })).status < 600;
  } catch {
    // Nobody answers: that is what is waited for.
  }
  if (!there && !gone) {
    gone = true;
    say.textContent = say.dataset.gone;
  }
  if (there && gone) {
    say.textContent = say.dataset.back;
    location.href = "/status";
    return;
  }
  setTimeout(look, 1000);
}
look();
