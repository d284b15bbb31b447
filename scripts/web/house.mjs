// The status and the owner's settings: what they show, and that what is typed
// there is so on the command line afterwards.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { password } from "./box.mjs";

const passphrase = "a passphrase for tests";
const pages = ["people", "addresses", "sending", "domains", "devices", "household", "screen", "access", "backup", "system"];

export default async function (box) {
  const { page, context } = await box.login("alice");
  await status(box, page);
  await people(box, page);
  await addresses(box, page);
  await sending(box, page);
  await access(box, page);
  await rescue(box, page);
  await looks(box, page);
  await ordinary(box);
  await withoutScript(box);
  // The others find the box as it was.
  box.posthorn("domain", "remove", "example.org");
  box.posthorn("settings", "set", "catch-all", "");
  box.posthorn("settings", "set", "household", "The Testers");
  await backup(box, page);
  await context.close();
}

// said waits for the notice that follows a form.
async function said(box, page, bad = false) {
  await page.waitForSelector(".notice");
  const notice = page.locator(".notice").first();
  box.check((await notice.getAttribute("class")).includes("bad") === bad, `${page.url()} says: ${await notice.innerText()}`);
}

async function submit(box, page, form, bad = false) {
  await page.evaluate(() => document.querySelector(".notice")?.remove());
  await page.locator(form).locator("button").last().click();
  await said(box, page, bad);
}

// talk speaks a protocol of lines in the clear, as loopback may.
async function talk(port, lines) {
  const socket = net.connect(port, "127.0.0.1").setEncoding("utf8");
  let got = "";
  socket.on("data", (text) => { got += text; });
  const answer = async (before) => {
    for (let i = 0; i < 600 && got.length === before; i++) await sleep(50);
  };
  await answer(0);
  for (const line of lines) {
    const before = got.length;
    socket.write(line + "\r\n");
    await answer(before);
    await sleep(50);
  }
  socket.end();
  return got;
}

async function mail(box, to, subject) {
  const got = await talk(box.ports.smtp, ["EHLO client.example", "MAIL FROM:<rosa@example.org>", `RCPT TO:<${to}@mailbox.local>`, "DATA",
    `From: Rosa <rosa@example.org>\r\nTo: ${to}@mailbox.local\r\nSubject: ${subject}\r\nMessage-ID: <${Date.now()}@example.org>\r\n\r\nHello\r\n.`, "QUIT"]);
  if (!/^250.*queued|^250 2\.0\.0/m.test(got)) throw new Error("mail not taken: " + got);
}

// New mail and a new person are on the page without a reload.
async function status(box, page) {
  await page.goto(box.https + "/status");
  await page.waitForSelector(".verdict");
  const mark = await page.evaluate(() => { window.same = true; return document.querySelectorAll(".card").length; });
  box.check(mark >= 5, `the status has ${mark} parts`);
  await mail(box, "alice", "for the status");
  await page.waitForFunction(() => document.querySelector("#people + .rows").innerText.includes("unread") &&
    !document.querySelector("#people + .rows").innerText.includes("nothing"));
  await page.waitForFunction(() => /[1-9]\d* received/.test(document.querySelector(".key.in").innerText));
  await page.click("#log > summary");
  await mail(box, "alice", "while the log is open");
  await page.waitForFunction(() => document.querySelector("#log pre").innerText.split("message accepted").length > 2);
  box.check(await page.evaluate(() => window.same && document.getElementById("log").open), "the page was loaded again, or the log closed");
  const png = await page.evaluate(async () => (await fetch("/screen.png")).headers.get("content-type"));
  box.check(png === "image/png", `the picture of the screen is ${png}`);
}

async function people(box, page) {
  await page.goto(box.https + "/settings/people");
  await page.fill("#add ~ form #display", "Bob <Tester>");
  await page.fill("#name", "bob");
  await page.fill("#password", password);
  await page.fill("#quota", "0.5");
  await submit(box, page, "#add ~ form");
  const list = () => JSON.parse(box.posthorn("account", "list", "--json"));
  box.check(list().find((a) => a.name === "bob")?.quota === 500_000_000, "bob has another quota");
  await page.fill("#name", "bob");
  await page.fill("#password", password);
  await submit(box, page, "#add ~ form", true); // taken

  box.posthorn("account", "app-password", "add", "bob", "scanner");
  await page.goto(box.https + "/settings/people/bob");
  await box.look(page, "settings-person");
  await submit(box, page, "#devices ~ ul form");
  box.check(list().find((a) => a.name === "bob").app_passwords === 0, "the scanner is not locked out");
  await page.check("input[name=disabled]");
  await page.fill("#quota", "");
  await submit(box, page, "form[action='/settings/people/bob']");
  const bob = list().find((a) => a.name === "bob");
  box.check(bob.disabled && bob.quota === 0, "bob is not switched off");
  await page.uncheck("input[name=disabled]");
  await submit(box, page, "form[action='/settings/people/bob']");

  // The last owner stays one.
  await page.goto(box.https + "/settings/people/alice");
  box.check((await page.locator("#remove").count()) === 0, "one can remove oneself");
  await page.uncheck("input[name=owner]");
  await submit(box, page, "form[action='/settings/people/alice']", true);

  // Carla's mail goes to bob.
  box.posthorn("account", "add", "carla", "--password-stdin", { input: password });
  await mail(box, "carla", "inherited");
  await page.goto(box.https + "/settings/people/carla");
  await page.selectOption("#heir", "bob");
  await page.fill("#sure", "bob");
  await submit(box, page, "#remove ~ form", true);
  await page.selectOption("#heir", "bob");
  await page.fill("#sure", "carla");
  await submit(box, page, "#remove ~ form");
  const left = list();
  box.check(!left.some((a) => a.name === "carla") && left.find((a) => a.name === "bob").messages === 1, "carla's mail is not bob's");

  // An invitation opens a page for whoever has its link.
  await page.goto(box.https + "/settings/people");
  await page.fill("#for", "Dora");
  await page.click("#invite ~ form button");
  await page.waitForSelector(".qr");
  const link = await page.innerText(".code.big");
  await box.look(page, "settings-invited");
  const guest = await box.visitor();
  await guest.page.goto(link);
  box.check((await guest.page.locator("form #password").count()) === 1, "the invitation leads to no form");
  await guest.context.close();
  await page.goto(box.https + "/settings/people");
  await box.look(page, "settings-people");
  await submit(box, page, "#invite ~ ul form");
}

async function addresses(box, page) {
  await page.goto(box.https + "/settings/addresses");
  await page.fill("#address", "family@mailbox.local");
  await page.check("input[name=person][value=alice]");
  await page.check("input[name=person][value=bob]");
  await page.fill("#targets", "aunt@example.org");
  await submit(box, page, "form[action='/settings/addresses']");
  const aliases = box.posthorn("alias", "list");
  box.check(/family.*alice/.test(aliases) && aliases.includes("aunt@example.org"), `aliases: ${aliases}`);
  await page.selectOption("#catch-all", "bob");
  await submit(box, page, "#nobody ~ form");
  box.check(/catch-all\s+bob/.test(box.posthorn("settings")), "mail for nobody does not go to bob");
  await page.fill("#address", "no address");
  await submit(box, page, "form[action='/settings/addresses']", true);

  await page.goto(box.https + "/settings/domains");
  await page.fill("#name", "example.org");
  await submit(box, page, "form[action='/settings/domains']");
  for (const text of ["v=DKIM1", "v=spf1", "v=DMARC1", "_dmarc.example.org"]) {
    box.check((await page.innerText("main")).includes(text), `no ${text} to copy`);
  }
  await page.fill("#name", "nodots");
  await submit(box, page, "form[action='/settings/domains'] >> nth=-1", true);

  await page.goto(box.https + "/settings/devices");
  await page.fill("#from", "192.168.7.0/24");
  await submit(box, page, "form[action='/settings/devices']");
  box.check(box.posthorn("device", "list").includes("192.168.7.0/24"), "the network is not allowed");
  await page.fill("#from", "everywhere");
  await submit(box, page, "form[action='/settings/devices']", true);
}

// A provider that refuses is not taken; what was typed is still there.
async function sending(box, page) {
  await page.goto(box.https + "/settings/sending");
  await page.check("input[value=smarthost]");
  await submit(box, page, "form[action='/settings/sending/way']", true);
  await page.selectOption("#provider", "");
  await page.fill("#user", "alice");
  await page.fill("#password", "not the password");
  await page.click("#more > summary");
  await page.fill("#host", "127.0.0.1");
  await page.fill("#port", String(box.ports.submissions));
  await page.click("#server > button");
  await page.waitForSelector("#server .notice.bad");
  box.check((await page.inputValue("#host")) === "127.0.0.1", "what was typed is gone");
  await box.look(page, "settings-sending-fails");
  await page.check("input[name=untested]");
  await page.fill("#password", "not the password");
  await submit(box, page, "#server");
  box.check(box.posthorn("smarthost", "show").includes("127.0.0.1"), "the provider is not set");
  await page.click("form[action='/settings/sending/test'] button");
  await page.waitForSelector(".rows .wrong");
  await submit(box, page, ".rows form");
  await page.selectOption("#undo", "1m0s");
  await submit(box, page, "form[action='/settings/sending/undo']");
  box.check(/undo\s+1m0s/.test(box.posthorn("settings")), "mail can't be called back for a minute");
}

async function access(box, page) {
  await page.goto(box.https + "/settings/household");
  await page.fill("#rescue-days", "14");
  await submit(box, page, "main form");
  await page.fill("#timezone", "Nowhere/Here");
  await submit(box, page, "main form", true);
  await page.goto(box.https + "/settings/screen");
  await page.check("input[name=screen-sender]");
  await page.fill("#screen-night-from", "21");
  await submit(box, page, "main form");
  const now = box.posthorn("settings");
  box.check(/rescue-days\s+14/.test(now) && /screen-sender\s+yes/.test(now) && /screen-night-from\s+21/.test(now), now);

  // A certificate of one's own, there and back.
  const own = join(tmpdir(), `own-${process.pid}`);
  execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90", "-subj", "/CN=test",
    "-addext", "subjectAltName=DNS:mail.example.org", "-keyout", own + ".key", "-out", own + ".pem"], { stdio: "ignore" });
  await page.goto(box.https + "/settings/access");
  await page.setInputFiles("#chain", own + ".key");
  await page.setInputFiles("#key", own + ".pem");
  await submit(box, page, "form[action='/settings/access/certificate']", true);
  await page.setInputFiles("#chain", own + ".pem");
  await page.setInputFiles("#key", own + ".key");
  await submit(box, page, "form[action='/settings/access/certificate']");
  box.check(box.posthorn("certificate").includes("mail.example.org"), "the certificate is not in use");
  await submit(box, page, "form[action='/settings/access/certificate/remove']");
  box.check(!box.posthorn("certificate").includes("mail.example.org"), "the certificate is still in use");
}

// What a POP3 program deletes comes back.
async function rescue(box, page) {
  await mail(box, "alice", "deleted by mistake");
  const count = Number((await talk(box.ports.smtp + 85, ["USER alice", "PASS " + password, "STAT", "QUIT"])).match(/^\+OK (\d+) \d+/m)[1]);
  await talk(box.ports.smtp + 85, ["USER alice", "PASS " + password, "DELE " + count, "QUIT"]);
  await page.goto(box.https + "/status");
  await page.click("a[href='/me/rescue']");
  await page.waitForSelector("text=deleted by mistake");
  await box.look(page, "me-rescue");
  await submit(box, page, "main form", true); // nothing chosen
  await page.check("input[name=uid] >> nth=0");
  await submit(box, page, "main form");
  box.check(!(await page.innerText("main")).includes("deleted by mistake"), "the message is still deleted");
}

// Every page, in both languages.
async function looks(box, page) {
  for (const language of ["en", "id"]) {
    await page.goto(box.https + "/me");
    await page.selectOption("#language", language);
    await page.locator("form", { has: page.locator("#language") }).locator("button").click();
    await page.goto(box.https + "/status");
    await page.waitForSelector(".verdict");
    box.check((await page.getAttribute("html", "lang")) === language, `the status is not in ${language}`);
    await box.look(page, `status-${language}`);
    await page.goto(box.https + "/settings");
    await box.look(page, `settings-${language}`);
    for (const one of pages) {
      await page.goto(`${box.https}/settings/${one}`);
      await box.look(page, `settings-${one}-${language}`);
    }
    await page.goto(box.https + "/me");
    await page.selectOption("#language", "en");
    await page.locator("form", { has: page.locator("#language") }).locator("button").click();
  }
}

// Who is no owner sees their own mail, and nothing of the settings.
async function ordinary(box) {
  const { page, context } = await box.login("bob");
  await page.goto(box.https + "/status");
  await box.look(page, "status-person");
  const text = await page.innerText("main");
  box.check(text.includes("Bob <Tester>") && !text.includes("alice"), "bob sees more than his own mail");
  box.check((await page.locator("a[href='/settings']").count()) === 0, "bob has a way to the settings");
  for (const one of ["", ...pages.map((p) => "/" + p), "/people/alice"]) {
    const answer = await page.evaluate(async (path) => (await fetch(path)).status, "/settings" + one);
    box.check(answer === 403, `bob gets ${answer} at /settings${one}`);
  }
  await context.close();
}

async function withoutScript(box) {
  const { page, context } = await box.login("alice", { javaScriptEnabled: false });
  await page.goto(box.https + "/status");
  box.check((await page.locator(".verdict").count()) === 1, "no status without a script");
  await page.goto(box.https + "/settings/household");
  await page.fill("#household", "The Plain Testers");
  await page.click("main form button");
  box.check((await page.inputValue("#household")) === "The Plain Testers", "a setting needs a script");
  await context.close();
}

// A backup is downloaded, and put back into the box it came from.
async function backup(box, page) {
  await page.goto(box.https + "/settings/backup");
  await page.fill("#passphrase", passphrase);
  await page.fill("#again", passphrase + "x");
  await submit(box, page, "form[action='/settings/backup']", true);
  await page.fill("#passphrase", passphrase);
  await page.fill("#again", passphrase);
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("form[action='/settings/backup'] button")]);
  const file = await download.path();
  box.check(/^posthorn-.*\.backup\.age$/.test(download.suggestedFilename()), `it is called ${download.suggestedFilename()}`);
  box.check(readFileSync(file).subarray(0, 21).toString() === "age-encryption.org/v1", "the backup is not encrypted");

  const other = join(tmpdir(), `no-backup-${process.pid}`);
  writeFileSync(other, "this is no backup");
  await page.goto(box.https + "/settings/backup");
  await page.setInputFiles("#file", other);
  await submit(box, page, "form[action='/settings/backup/restore']", true);
  await page.goto(box.https + "/settings/backup");
  await page.setInputFiles("#file", file);
  await page.fill("#open", passphrase);
  await submit(box, page, "form[action='/settings/backup/restore']");
  await page.goto(box.https + "/settings/backup");
  await box.look(page, "settings-backup-ready");

  // Made after the backup: gone once it is put back.
  box.posthorn("alias", "add", "later", "alice");
  await page.check("input[name=sure]");
  await page.click("form[action='/settings/backup/put'] button");
  await page.waitForSelector("#stopping");
  await page.waitForURL(/\/(status|login)/, { timeout: 60_000 });
  // While it was gone the browser complained, as it should.
  box.problems = box.problems.filter((p) => !(p.includes("/backup/put: the browser complains") && p.includes("net::ERR_")));
  box.check(!box.posthorn("alias", "list").includes("later"), "the box is not what the backup was");
  const { page: again, context } = await box.login("alice");
  await again.goto(box.https + "/settings/backup");
  await box.look(again, "settings-backup-former");
  await submit(box, again, "form[action='/settings/backup/forget']");
  await context.close();
}
