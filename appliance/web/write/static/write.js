// The writing page: drafts that save themselves, files by drag and drop with
// progress, addresses that complete themselves. The page works without it.
import { complete } from "./people.js";

const form = document.getElementById("letter");
const words = document.getElementById("words").dataset;
const status = document.getElementById("status");
const csrf = form.elements.csrf.value;
const path = form.getAttribute("action"); // form.action is a button

// say puts a line under the form, which screen readers read out.
function say(text, ...args) {
  status.textContent = args.reduce((s, a) => s.replace("%s", a), text);
}

// fields are the form's without its files.
function fields(extra) {
  const data = new FormData(form);
  data.delete("files");
  for (const [name, value] of Object.entries(extra)) data.set(name, value);
  return data;
}

// Drafts. A draft is saved when something changed, at most once in the time
// the box says (data-every, longer with files), and once more when the page is
// left.
let changed = false;
let saving = null; // the request under way
let failed = false;
let every = Number(form.dataset.every) * 1000;
let last = Date.now();

form.addEventListener("input", (e) => {
  if (e.target.id !== "attach") changed = true;
});

function save() {
  if (!changed || saving || uploading) return saving ?? Promise.resolve();
  changed = false;
  last = Date.now();
  saving = fetch(path, { method: "POST", body: fields({ action: "save" }), headers: { Accept: "application/json", "X-CSRF-Token": csrf } })
    .then(async (answer) => {
      const body = await answer.json();
      if (!answer.ok) throw new Error(body.error);
      every = body.every * 1000;
      failed = false;
      say(words.saved, body.at);
    })
    .catch((e) => {
      changed = true;
      if (!failed) say(words.failed, e instanceof TypeError ? words.offline : e.message);
      failed = true;
    })
    .finally(() => { saving = null; });
  return saving;
}

setInterval(() => { if (Date.now() - last >= every) save(); }, 1000);

let leaving = false;
addEventListener("pagehide", () => {
  if (!changed || leaving) return;
  navigator.sendBeacon(path, fields({ action: "save" }));
});

// A form that is submitted waits for the save under way, or it might be
// overtaken by it.
form.addEventListener("submit", async (e) => {
  // What is discarded is saved first: Undo brings it back as it was.
  if (e.submitter?.hasAttribute("formaction")) save();
  leaving = true;
  if (!saving && !uploading) return;
  e.preventDefault();
  await Promise.allSettled([saving, uploading]);
  form.requestSubmit(e.submitter);
});

// Enter in a line goes on to the next and sends nothing.
form.addEventListener("keydown", (e) => {
  if (e.key === "Enter" && e.target.tagName === "INPUT" && e.target.type !== "file" && !e.defaultPrevented) {
    e.preventDefault();
    if (e.target.id === "subject") form.elements.text.focus();
  }
  if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) {
    e.preventDefault();
    form.requestSubmit(form.querySelector("[value=send]"));
  }
});

// Files are uploaded as soon as they are chosen or dropped, into the draft.
const drop = document.getElementById("drop");
const list = document.getElementById("files");
const attach = document.getElementById("attach");
const progress = document.getElementById("progress");
const max = Number(form.dataset.max);
let uploading = null;
const octets = () => [...list.children].reduce((n, li) => n + Number(li.dataset.size), 0); // of the draft's files

function size(octets) {
  const lang = document.documentElement.lang;
  for (const [unit, by] of [["megabyte", 1e6], ["kilobyte", 1e3]]) {
    if (octets >= by) return new Intl.NumberFormat(lang, { style: "unit", unit, maximumFractionDigits: 1 }).format(octets / by);
  }
  return new Intl.NumberFormat(lang, { style: "unit", unit: "byte", unitDisplay: "long" }).format(octets);
}

function show(files) {
  list.replaceChildren(...files.map((f, i) => {
    const li = document.createElement("li");
    li.dataset.size = f.size;
    const name = document.createElement("span");
    const small = document.createElement("small");
    small.textContent = size(f.size);
    name.append(f.name, " ", small);
    const remove = document.createElement("button");
    remove.className = "quiet";
    remove.name = "remove";
    remove.value = i;
    remove.textContent = words.remove;
    remove.setAttribute("aria-label", words.removefile.replace("%s", f.name));
    li.append(name, remove);
    return li;
  }));
  list.hidden = files.length === 0;
}

function send(files) {
  const total = files.reduce((n, f) => n + f.size, octets());
  if (total > max) {
    say(words.toolarge, size(max));
    return Promise.resolve();
  }
  const data = fields({ action: "attach" });
  for (const f of files) data.append("files", f);
  progress.hidden = false;
  progress.value = 0;
  say(words.uploading);
  return new Promise((done) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    request.responseType = "json";
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("X-CSRF-Token", csrf);
    request.upload.onprogress = (e) => { if (e.lengthComputable) progress.value = e.loaded / e.total; };
    request.onload = () => {
      if (request.status === 200) {
        changed = false;
        last = Date.now();
        every = request.response.every * 1000;
        show(request.response.files);
        say(words.uploaded, request.response.files.slice(-files.length).map((f) => f.name).join(", "));
      } else {
        say(words.failed, request.response?.error ?? request.statusText);
      }
      done();
    };
    request.onerror = () => { say(words.failed, words.offline); done(); };
    request.send(data);
  });
}

async function upload(files) {
  if (files.length === 0) return;
  await Promise.allSettled([saving, uploading]);
  uploading = send([...files]);
  await uploading;
  uploading = null;
  progress.hidden = true;
}

attach.addEventListener("change", async () => {
  const files = [...attach.files];
  attach.value = "";
  await upload(files);
});

drop.querySelector(".hint").hidden = false;
let depth = 0;
function carries(e) { return [...e.dataTransfer.types].includes("Files"); }
addEventListener("dragenter", (e) => { if (carries(e)) { depth++; drop.classList.add("over"); } });
addEventListener("dragleave", (e) => { if (carries(e) && --depth <= 0) { depth = 0; drop.classList.remove("over"); } });
addEventListener("dragover", (e) => { if (carries(e)) e.preventDefault(); });
addEventListener("drop", (e) => {
  if (!carries(e)) return;
  e.preventDefault();
  depth = 0;
  drop.classList.remove("over");
  upload([...e.dataTransfer.files]);
});
addEventListener("paste", (e) => { if (e.clipboardData?.files.length) upload([...e.clipboardData.files]); });

// Taking a file out does not lose what is typed: it is part of the same form.
// The time field is there when it is wanted.
const when = form.elements.when;
function timeField() { form.elements.at.hidden = when.value !== "at"; }
when.addEventListener("change", timeField);
timeField();

for (const id of ["to", "cc", "bcc"]) complete(document.getElementById(id), words.offers);

// An answer begins above what it quotes.
if (form.elements.about.value.match(/^(reply|all)\//)) {
  form.elements.text.focus();
  form.elements.text.setSelectionRange(0, 0);
  form.elements.text.scrollTop = 0;
}
