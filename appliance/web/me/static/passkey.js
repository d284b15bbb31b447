// Makes a passkey, and logs in with one. What goes to and fro is the JSON form
// of WebAuthn; older browsers can't convert it themselves.
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

async function post(path, csrf, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Accept": "application/json", "Content-Type": "application/json", "X-CSRF-Token": csrf },
    body: JSON.stringify(body ?? {}),
  });
  if (answer.redirected) { // the password is asked for first
    location.assign(answer.url);
    return new Promise(() => {});
  }
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.error);
  return said;
}

function encoded(credential) {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) response[name] = text(credential.response[name]);
  }
  if (credential.response.getTransports) response.transports = credential.response.getTransports();
  return { id: credential.id, rawId: text(credential.rawId), type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment, clientExtensionResults: {}, response };
}

async function make(form) {
  const csrf = document.querySelector("meta[name=csrf]").content;
  const { publicKey } = await post("/me/passkeys", csrf);
  publicKey.challenge = bytes(publicKey.challenge);
  publicKey.user.id = bytes(publicKey.user.id);
  for (const c of publicKey.excludeCredentials ?? []) c.id = bytes(c.id);
  const made = await navigator.credentials.create({ publicKey });
  const label = encodeURIComponent(form.elements.label.value);
  return post(`/me/passkeys/answer?label=${label}`, csrf, encoded(made));
}

async function ask(form) {
  const { publicKey } = await post("/login/passkey", form.dataset.csrf);
  publicKey.challenge = bytes(publicKey.challenge);
  for (const c of publicKey.allowCredentials ?? []) c.id = bytes(c.id);
  const found = await navigator.credentials.get({ publicKey });
  return post("/login/passkey/answer", form.dataset.csrf, encoded(found));
}

for (const [id, act] of [["passkey", make], ["ask", ask]]) {
  const form = document.getElementById(id);
  if (!form || !window.PublicKeyCredential) continue;
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const wrong = form.querySelector(".wrong");
    const button = form.querySelector("button");
    wrong.hidden = true;
    button.disabled = true;
    try {
      location.assign((await act(form)).to);
    } catch (err) {
      wrong.textContent = err.name === "Error" ? err.message : form.dataset.failed;
      wrong.hidden = false;
      button.disabled = false;
    }
  });
}
