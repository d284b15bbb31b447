// What belongs to a person: password, app passwords, sessions, codes from a
// phone, and passkeys on a device that the browser plays.
import { createHmac } from "node:crypto";
import { password } from "./box.mjs";

export default async function (box) {
  box.posthorn("account", "add", "carol", "--password-stdin", { input: password + "\n" });
  const { page, context } = await box.login("carol");
  await page.goto(box.https + "/me");
  await box.look(page, "me");

  await page.goto(box.https + "/me/apps");
  await page.fill("#label", "Tablet in the kitchen");
  await page.click("main form:last-of-type button");
  const secret = await page.textContent(".code.big");
  box.check(/^[a-z]{4}(-[a-z]{4}){3}$/.test(secret), `an app password like ${secret}`);
  await box.look(page, "me-apps");
  await page.goto(box.https + "/me/apps");
  box.check(!(await page.content()).includes(secret), "an app password is shown twice");
  await page.click("text=Take back");
  await page.waitForSelector(".notice");

  await page.goto(box.https + "/me/password");
  await box.look(page, "me-password");
  await page.goto(box.https + "/me/sessions");
  await box.look(page, "me-sessions");

  const key = await codes(box, page);
  await passkeys(box, page, context);
  await context.close();
  await indonesian(box, key);
}

// Codes from a phone: set up, asked for, and a recovery code in their place.
async function codes(box, page) {
  await page.goto(box.https + "/me/factors/code");
  const key = await page.inputValue("input[name=secret]");
  await page.fill("#code", "000000");
  await page.click("main button");
  await page.waitForSelector("[role=alert]");
  await box.look(page, "me-totp");
  box.check((await page.inputValue("input[name=secret]")) === key, "a mistake changes the key");
  await page.fill("#code", totp(key));
  await page.click("main button");
  await page.waitForSelector("#recovery");
  const recovery = await page.$$eval("ul.code li", (list) => list.map((li) => li.textContent));
  box.check(recovery.length === 10, `${recovery.length} recovery codes`);
  await box.look(page, "me-factors");

  const other = await box.visitor();
  await start(box, other.page, "carol");
  await box.look(other.page, "login-second");
  await other.page.goto(box.https + "/me");
  box.check(other.page.url().includes("/login"), "the password alone opens the pages");
  await other.page.goto(box.https + "/login/second");
  await other.page.fill("#code", "123456");
  await other.page.click("main button");
  await other.page.waitForSelector("[role=alert]");
  await other.page.fill("#code", recovery[3].toUpperCase());
  await other.page.click("main button");
  await other.page.waitForURL((url) => !url.pathname.startsWith("/login"));
  await other.context.close();

  const again = await box.visitor();
  await start(box, again.page, "carol");
  await again.page.fill("#code", recovery[3]);
  await again.page.click("main button");
  await again.page.waitForSelector("[role=alert]");
  await again.context.close();
  return key;
}

// A passkey is made on a device, and logs in without a code.
async function passkeys(box, page, context) {
  const device = await context.newCDPSession(page);
  await device.send("WebAuthn.enable");
  const { authenticatorId } = await device.send("WebAuthn.addVirtualAuthenticator", { options: {
    protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true } });
  await page.goto(box.https + "/me/factors");
  await page.fill("#label", "This laptop");
  await page.click("#passkey button");
  await page.waitForSelector("text=This laptop");
  const { credentials } = await device.send("WebAuthn.getCredentials", { authenticatorId });
  box.check(credentials.length === 1 && credentials[0].rpId === "mailbox.local", "the device has no passkey of the box");

  await page.click("header.top button");
  await page.waitForURL("**/login");
  await start(box, page, "carol");
  await box.look(page, "login-passkey");
  await page.click("#ask button");
  await page.waitForURL((url) => !url.pathname.startsWith("/login"));
  await page.goto(box.https + "/me/factors");
  box.check(page.url().endsWith("/me/factors"), "the passkey does not log in");

  // A device that does not know the key is refused.
  await device.send("WebAuthn.clearCredentials", { authenticatorId });
  await page.click("header.top button");
  await page.waitForURL("**/login");
  await start(box, page, "carol");
  await page.click("#ask button");
  await page.waitForSelector("#ask .wrong:not([hidden])");
  box.check(page.url().includes("/login/second"), "logged in without the key");
}

// The same pages in Indonesian.
async function indonesian(box, key) {
  const { page, context } = await box.visitor({ locale: "id-ID" });
  await start(box, page, "carol");
  await box.look(page, "login-second-id");
  await page.fill("#code", await fresh(key));
  await page.click("main form:last-of-type button");
  await page.waitForURL((url) => !url.pathname.startsWith("/login"));
  await page.goto(box.https + "/me");
  await page.selectOption("#language", "id");
  await page.click("main form button");
  await page.waitForSelector(".notice");
  for (const name of ["", "/password", "/apps", "/sessions", "/factors"]) {
    await page.goto(box.https + "/me" + name);
    box.check((await page.getAttribute("html", "lang")) === "id", `/me${name} is not in the person's language`);
    await box.look(page, `me${name.replace("/", "-")}-id`);
  }
  await context.close();
}

async function start(box, page, name) {
  await page.goto(box.https + "/login");
  await page.fill("#name", name);
  await page.fill("#password", password);
  await page.click("main button");
  await page.waitForURL("**/login/second");
}

// RFC 6238, as a phone computes it.
function totp(key, at = Date.now()) {
  const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  let bits = "";
  for (const c of key) bits += digits.indexOf(c).toString(2).padStart(5, "0");
  const secret = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)));
  const sum = createHmac("sha1", secret).update(step).digest();
  const n = sum.readUInt32BE(sum.at(-1) & 15) & 0x7fffffff;
  return String(n % 1_000_000).padStart(6, "0");
}

// A code works once: the next one is that of the period to come, which the box
// takes already, for a phone's clock may be ahead.
async function fresh(key) {
  return totp(key, Date.now() + 30_000);
}
