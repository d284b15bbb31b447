// Tells when the box is gone, and when it is back. A restart can be over
// between two looks, so that after a while it counts as back.
const say = document.getElementById("stopping");
const restarts = say.dataset.what !== "off";
const began = Date.now(), longEnough = 15_000;
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
  if (there && (gone || restarts && Date.now() - began > longEnough)) {
    say.textContent = say.dataset.back;
    location.href = "/status";
    return;
  }
  setTimeout(look, 500);
}
look();
