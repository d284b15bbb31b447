// Shows how far a large file is on its way. Without this the browser's own
// sign of loading has to do.
for (const form of document.querySelectorAll("form[data-upload]")) {
  form.addEventListener("submit", event => {
    event.preventDefault();
    const bar = document.createElement("progress");
    bar.max = 100;
    bar.setAttribute("aria-label", form.dataset.upload);
    const button = form.querySelector("button");
    button.disabled = true;
    button.before(bar);
    const request = new XMLHttpRequest();
    request.upload.onprogress = e => { if (e.lengthComputable) bar.value = Math.floor(100 * e.loaded / e.total); };
    request.onload = () => show(request);
    request.onerror = () => location.reload();
    request.open("POST", form.action);
    request.send(new FormData(form));
  });
}

// show puts the page that answers in the place of this one. It is not fetched
// again, for what it says at its top is said once.
function show(request) {
  const page = new DOMParser().parseFromString(request.responseText, "text/html");
  history.replaceState(null, "", request.responseURL);
  document.title = page.title;
  document.body.replaceWith(page.body);
  document.getElementById("main")?.focus();
}
