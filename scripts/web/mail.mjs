// Reading mail: lists, search, messages, attachments, what is done with them,
// and hostile mail, of which nothing may run, load or leave its frame.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { password } from "./box.mjs";

const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const person = "wulan"; // who has no other mail
const corpus = new URL("../../appliance/web/clean/testdata/hostile/", import.meta.url);

// send hands messages over by SMTP, as another machine of the home would.
async function send(box, to, ...messages) {
  const socket = net.connect(box.ports.smtp, "127.0.0.1");
  const lines = socket.setEncoding("utf8")[Symbol.asyncIterator]();
  let rest = "";
  const answer = async () => {
    for (;;) {
      const last = rest.match(/^\d{3} .*\r\n/m);
      if (last) {
        rest = rest.slice(last.index + last[0].length);
        return last[0];
      }
      const { value, done } = await lines.next();
      if (done) throw new Error("the box hung up: " + rest);
      rest += value;
    }
  };
  const say = async (line, code) => {
    socket.write(line + "\r\n");
    const got = await answer();
    if (!got.startsWith(code)) throw new Error(`${line.slice(0, 60)}: ${got}`);
  };
  await answer();
  await say("EHLO client.example", "250");
  for (const text of messages) {
    await say("MAIL FROM:<sender@example.org>", "250");
    await say(`RCPT TO:<${to}@mailbox.local>`, "250");
    await say("DATA", "354");
    await say(text.replace(/\r?\n/g, "\r\n").replace(/^\./gm, "..") + "\r\n.", "250");
  }
  socket.end("QUIT\r\n");
}

let count = 0;
function letter({ from = "Rosa Lindt <rosa@example.org>", to = "Alice <alice@mailbox.local>", subject, id = `m${++count}@example.org`, head = "", body }) {
  return `From: ${from}\nTo: ${to}\nSubject: ${subject}\nMessage-ID: <${id}>\nDate: ${new Date().toUTCString().replace("GMT", "+0000")}\nMIME-Version: 1.0\n${head}\n${body}`;
}
const html = (text) => ({ head: "Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: base64\n", body: Buffer.from(text).toString("base64").replace(/.{76}/g, "$&\n") });

function file(type, name, data, more = "") {
  return `--b\nContent-Type: ${type}\nContent-Disposition: attachment; filename="${name}"\nContent-Transfer-Encoding: base64\n${more}\n${data}\n`;
}

const newsletter = `<html><head><style>p{color:red}</style></head><body style="margin:0;background:#eef3ee"><table width="100%" cellpadding="0" cellspacing="0"><tr><td align="center">
<table width="560" style="background:#ffffff;font-family:Georgia,serif;color:#223322"><tr><td style="padding:24px;background:#2d5a3d;color:#ffffff;font-size:26px">The Garden Letter</td></tr>
<tr><td style="padding:24px;font-size:17px;line-height:1.6"><h2 style="margin:0 0 12px 0">Pruning in November</h2><p>The leaves are down and you can see the branches: now is the time to look at your apple trees.</p>
<img src="https://pictures.example.org/tree.jpg" width="200" height="120" alt="An apple tree"><img src="cid:logo@example.org" width="40" height="40" alt="Logo">
<p><a href="https://garden.example.org/pruning" style="color:#2d5a3d">Read on in the garden book</a></p></td></tr></table></td></tr></table></body></html>`;

function household(name) {
  const to = `${name} <${name}@mailbox.local>`;
  const mails = [
    letter({ to, subject: "Welcome to the choir", from: "Choir <choir@example.org>", body: "Dear all,\n\nwe sing on Thursdays at eight. Bring something to write.\n\nSee https://choir.example.org/songs for the songs, or write to choir@example.org.\n\n-- \nThe choir of the old town" }),
    letter({ to, subject: "The Garden Letter: pruning in November", from: "The Garden Letter <letter@garden.example.org>",
      head: "Content-Type: multipart/related; boundary=b\n",
      body: `--b\nContent-Type: multipart/alternative; boundary=a\n\n--a\nContent-Type: text/plain\n\nPruning in November. Now is the time.\n--a\nContent-Type: text/html; charset=utf-8\n\n${newsletter}\n--a--\n--b\nContent-Type: image/png\nContent-ID: <logo@example.org>\nContent-Disposition: inline\nContent-Transfer-Encoding: base64\n\n${pixel}\n--b--\n` }),
    letter({ to, subject: "Photos from the lake", from: "Omar Haddad <omar@example.org>", head: "Content-Type: multipart/mixed; boundary=b\n",
      body: `--b\nContent-Type: text/plain\n\nHere they are. The second is for Grandma.\n${file("image/png", "lake at dawn.png", picture())}${file("image/png", "../../../etc/passwd", picture())}${file("application/pdf", "programme.pdf", Buffer.from("%PDF-1.4\n%%EOF").toString("base64"))}${file("text/html", "page.html", Buffer.from("<script>fetch('https://tracker.example/file')</script>").toString("base64"))}--b--\n` }),
    letter({ to, subject: "Printer is out of paper", from: "Printer <printer@mailbox.local>", body: "Tray 2 is empty." }),
    letter({ to, subject: "Dinner on Saturday?", id: `dinner.${name}@example.org`, body: "Shall we cook together on Saturday?\n\nRosa" }),
    letter({ to, subject: "Re: Dinner on Saturday?", from: "Omar Haddad <omar@example.org>", head: `References: <dinner.${name}@example.org>\n`, body: "Yes! I bring bread.\n\nOn Sunday Rosa wrote:\n> Shall we cook together on Saturday?\n>\n> Rosa" }),
    letter({ to, subject: "Re: Dinner on Saturday?", head: `References: <dinner.${name}@example.org>\n`, body: "Good. Seven o'clock then, and this is what there will be:\n\nOn Sunday Omar wrote:\n> soup\n> bread\n> fish\n> salad\n> cheese\n> pears\n> wine\n\nRosa" }),
  ];
  return mails;
}

// picture is a PNG of a lake, drawn by the system's own tools.
function picture() {
  const script = "import zlib,struct,base64,sys\nw,h=160,120\nr=b''.join(b'\\0'+b''.join(bytes((90+y,140+y//2,200-y//2)) for x in range(w)) for y in range(h))\nc=lambda t,d:struct.pack('>I',len(d))+t+d+struct.pack('>I',zlib.crc32(t+d))\nsys.stdout.write(base64.encodebytes(b'\\x89PNG\\r\\n\\x1a\\n'+c(b'IHDR',struct.pack('>IIBBBBB',w,h,8,2,0,0,0))+c(b'IDAT',zlib.compress(r))+c(b'IEND',b'')).decode())";
  return execFileSync("python3", ["-c", script], { encoding: "utf8" }).trim();
}

const row = (page, text) => page.locator(".row", { hasText: text });

export default async function (box) {
  for (const name of [person, "citra", "dewi"]) box.posthorn("account", "add", name, "--password-stdin", { input: password + "\n" });
  for (const name of [person, "citra", "dewi"]) await send(box, name, ...household(name));
  await lists(box);
  await reading(box);
  await actions(box);
  await folders(box);
  await keys(box);
  await news(box);
  await plain(box);
  await indonesian(box);
  await hostile(box);
}

async function lists(box) {
  const { page, context } = await box.login(person);
  // What the first visit loads, as it goes over the wire.
  let octets = 0;
  const wire = await context.newCDPSession(page);
  await wire.send("Network.enable");
  await wire.send("Network.setCacheDisabled", { cacheDisabled: true });
  wire.on("Network.loadingFinished", (e) => { octets += e.encodedDataLength; });
  await page.goto(box.https + "/mail", { waitUntil: "load" });
  await sleep(300);
  console.log(`first load of web mail: ${(octets / 1000).toFixed(1)} KB`);
  box.check(octets > 5_000 && octets < 150_000, `the first load is ${octets} octets`);
  box.check((await page.locator(".row").count()) === 5, "the list does not have five rows: three messages are one conversation");
  box.check((await row(page, "Dinner").locator(".many").textContent()) === "3", "the conversation does not say that it has three messages");
  await box.look(page, "mail-list");

  await page.fill("#q", "gard");
  await page.waitForFunction(() => document.querySelectorAll(".row").length === 1);
  box.check((await page.locator(".row .subject").textContent()).includes("Garden"), "search as you type finds something else");
  await box.look(page, "mail-search");
  await page.fill("#q", "cheese");
  await page.waitForSelector(".nothing");
  await page.click(".more a");
  await page.waitForURL("**text=1**");
  await row(page, "Dinner").waitFor();
  await page.goto(box.https + "/mail/search?q=" + encodeURIComponent('"><script>x</script>'));
  await box.look(page, "mail-search-none");
  await context.close();
}

async function reading(box) {
  const { page, context } = await box.login(person);
  await page.goto(box.https + "/mail");
  await row(page, "Dinner").locator(".open").click();
  await page.waitForSelector(".letter");
  box.check((await page.locator(".others .row").count()) === 2, "the rest of the conversation is not there");
  await page.locator("details.quote summary").click();
  await box.look(page, "mail-read-text");

  await page.click("#back");
  box.check(!(await row(page, "Dinner").evaluate((r) => r.classList.contains("unread") && r.querySelector(".many") === null)), "a message that was read is unread");
  await row(page, "Garden Letter").locator(".open").click();
  const frame = page.frameLocator("iframe.html");
  await frame.locator("h2").waitFor();
  box.check((await frame.locator("img[src^='data:image/png']").count()) === 1, "the picture of the message is not shown");
  box.check((await frame.locator("img[src^='https:']").count()) === 0, "a picture from elsewhere is in the document");
  await box.look(page, "mail-read-html");
  // After asking, the browser fetches it, and that alone.
  box.elsewhere = true;
  const asked = [];
  await context.route((url) => url.hostname !== "mailbox.local", (route) => { asked.push(route.request()); route.fulfill({ contentType: "image/png", body: Buffer.from(pixel, "base64") }); });
  await page.click(".pictures a");
  await frame.locator("img[src^='https:']").waitFor();
  await sleep(200);
  box.check(asked.length === 1 && asked[0].resourceType() === "image" && !(await asked[0].headerValue("referer")), `asked for: ${asked.map((r) => r.url())}`);
  const [tab] = await Promise.all([context.waitForEvent("page"), frame.locator("a").click()]);
  await tab.waitForURL("https://garden.example.org/pruning");
  box.check((await tab.evaluate(() => window.opener)) === null, "the new tab can reach this one");
  await tab.close();
  box.elsewhere = false;
  await page.click("text=Plain text");
  await page.waitForSelector(".text");

  await page.goto(box.https + "/mail");
  await row(page, "Photos").locator(".open").click();
  await page.locator(".files img").first().evaluate((img) => img.decode());
  await box.look(page, "mail-read-files");
  const save = async (click) => {
    const [download] = await Promise.all([page.waitForEvent("download"), click()]);
    return { name: download.suggestedFilename(), data: readFileSync(await download.path()) };
  };
  const passwd = await save(() => page.locator(".files .name", { hasText: "passwd" }).click());
  box.check(passwd.name === "passwd" && passwd.data.subarray(1, 4).toString() === "PNG", `the file with a path is saved as ${passwd.name}`);
  const zip = await save(() => page.click("text=Download all"));
  box.check(zip.name === "Photos from the lake.zip" && !zip.data.includes("../") && zip.data.includes("lake at dawn.png"), "the archive is " + zip.name);
  // HTML that was attached is never a page of ours.
  const address = await page.locator(".files .name", { hasText: "page.html" }).getAttribute("href");
  const get = (path) => page.evaluate(async (path) => {
    const answer = await fetch(path);
    return { headers: Object.fromEntries(answer.headers), text: await answer.text() };
  }, path);
  const shown = await get(address + "?show=1");
  box.check(shown.headers["content-disposition"].startsWith("attachment") && shown.headers["content-type"] === "application/octet-stream", "attached HTML is shown");
  const source = await get(new URL(page.url()).pathname + "/source");
  box.check(source.text.includes("Subject: Photos") && source.headers["content-type"].startsWith("text/plain"), "no source");
  await context.close();
}

async function actions(box) {
  const { page, context } = await box.login(person);
  await page.goto(box.https + "/mail");
  await row(page, "Printer").locator("[name=uid]").check();
  await box.look(page, "mail-chosen");
  await page.click("button[value=trash]");
  await page.waitForSelector(".notice");
  box.check((await row(page, "Printer").count()) === 0, "a deleted message is still there");
  await box.look(page, "mail-moved");
  await page.click(".notice button");
  await row(page, "Printer").waitFor();
  await row(page, "Printer").locator(".star").click();
  await page.waitForSelector(".star.on");
  await row(page, "Dinner").locator("[name=uid]").check();
  await page.click("button[value=archive]");
  await page.waitForSelector(".notice");
  await page.click(".folders >> text=Archive");
  box.check((await row(page, "Dinner").locator(".many").textContent()) === "3", "the conversation was not archived whole");
  await row(page, "Dinner").locator("[name=uid]").check();
  await page.selectOption("[name=to]", { label: "Inbox" });
  await page.click("button[value=move]");
  await page.waitForSelector(".nothing");
  await box.look(page, "mail-nothing");

  await page.goto(box.https + "/mail");
  await row(page, "Printer").locator("[name=uid]").check();
  await page.click("button[value=junk]");
  await page.click(".folders >> text=Junk");
  await row(page, "Printer").waitFor();
  await page.click("text=Empty folder");
  await box.look(page, "mail-empty");
  await page.click("button.danger");
  await page.waitForSelector(".nothing");
  await context.close();
}

async function folders(box) {
  const { page, context } = await box.login(person);
  await page.goto(box.https + "/mail/folders");
  await page.fill("#name", "Garden");
  await page.click("text=Make folder");
  await page.fill("#name", "Apple trees & pears");
  await page.selectOption("#parent", { label: "Garden" });
  await page.click("text=Make folder");
  await page.waitForSelector("text=Folder Apple trees & pears is there.");
  const entry = page.locator(".foldertree li", { hasText: "Apple" });
  await entry.locator("summary").click();
  await box.look(page, "mail-folders");
  await entry.locator("[name=name]").fill("Apples");
  await entry.locator("text=Rename").click();
  const renamed = page.locator(".foldertree li", { hasText: "Apples" });
  await renamed.locator("summary").click();
  await renamed.locator("text=Delete folder").click();
  await page.waitForSelector("text=is deleted");
  await context.close();
}

async function keys(box) {
  const { page, context } = await box.login(person);
  await page.goto(box.https + "/mail");
  await page.keyboard.press("?");
  await page.waitForSelector("#keys[open]");
  await box.look(page, "mail-keys");
  await page.uncheck("#keys-on");
  await page.keyboard.press("Escape");
  await page.keyboard.press("j");
  box.check((await page.locator(".row.at").count()) === 0, "a key works that was switched off");
  await page.click("#help");
  await page.check("#keys-on");
  await page.keyboard.press("Escape");
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  const second = await page.locator(".row").nth(1).getAttribute("id");
  box.check((await page.locator(".row.at").getAttribute("id")) === second, "j does not go down");
  await page.keyboard.press("x");
  box.check(await page.locator(".row.at [name=uid]").isChecked(), "x does not choose");
  await page.keyboard.press("o");
  await page.waitForSelector(".letter");
  await page.keyboard.press("j");
  await page.waitForURL((url) => !url.pathname.endsWith(second.split(".")[1]));
  await page.keyboard.press("u");
  await page.waitForSelector("#q");
  await page.keyboard.press("/");
  await page.keyboard.type("ro#e");
  box.check((await page.inputValue("#q")) === "ro#e", "keys are taken from a field");
  await context.close();
}

// New mail without reload, and nothing moves under a finger.
async function news(box) {
  const { page, context } = await box.login(person);
  await page.goto(box.https + "/mail");
  await page.evaluate(() => {
    window.shifted = 0;
    new PerformanceObserver((list) => { for (const e of list.getEntries()) window.shifted += e.value; }).observe({ type: "layout-shift", buffered: false });
  });
  const before = await page.locator(".row").count();
  await send(box, person, letter({ subject: "Just arrived", from: "Newcomer <new@example.org>", body: "Hello." }));
  await page.waitForFunction(() => document.getElementById("state").textContent.includes("Just arrived"));
  const shifted = await page.evaluate(() => window.shifted);
  box.check(shifted < 0.01, `new mail shifts the layout by ${shifted}`);
  box.check((await page.locator(".row").count()) === before, "rows moved by themselves");
  await box.look(page, "mail-new");
  await page.click("#fresh");
  await row(page, "Just arrived").waitFor();
  console.log(`layout shift on new mail: ${shifted}`);

  // A change elsewhere shows at once where no row moves.
  const other = await box.login(person);
  await other.page.goto(page.url());
  await row(other.page, "Just arrived").locator(".star").click();
  await other.page.waitForSelector(".star.on");
  await row(page, "Just arrived").locator(".star.on").waitFor();
  await other.context.close();
  await context.close();
}

// Everything without scripts.
async function plain(box) {
  const { page, context } = await box.login("citra", { javaScriptEnabled: false });
  await page.goto(box.https + "/mail");
  box.check((await page.locator(".row").count()) === 5, "no list without scripts");
  await page.fill("#q", "lake");
  await page.click(".searching button");
  await row(page, "Photos").locator(".open").click();
  await page.waitForSelector(".files");
  await page.click("#back");
  await row(page, "Photos").waitFor();
  await page.goto(box.https + "/mail");
  await row(page, "choir").locator("[name=uid]").check();
  await row(page, "Printer").locator("[name=uid]").check();
  await page.click("button[value=unread]");
  await row(page, "choir").locator("[name=uid]").check();
  await page.click("button[value=trash]");
  await page.click(".notice button");
  await row(page, "choir").waitFor();
  await row(page, "Garden").locator(".open").click();
  await page.frameLocator("iframe.html").locator("h2").waitFor();
  await context.close();
}

async function indonesian(box) {
  const { page, context } = await box.login("dewi", { locale: "id-ID" });
  await page.goto(box.https + "/me");
  await page.selectOption("#language", "id");
  await page.locator("form", { has: page.locator("#language") }).locator("button").click();
  await page.goto(box.https + "/mail");
  box.check((await page.getAttribute("html", "lang")) === "id", "the page is not in Indonesian");
  await box.look(page, "mail-list-id");
  await row(page, "Photos").locator(".open").click();
  await page.locator(".files img").first().evaluate((img) => img.decode());
  await box.look(page, "mail-read-files-id");
  await page.goto(box.https + "/mail");
  await row(page, "Garden").locator(".open").click();
  await page.frameLocator("iframe.html").locator("h2").waitFor();
  await box.look(page, "mail-read-html-id");
  await page.goto(box.https + "/mail/folders");
  await box.look(page, "mail-folders-id");
  await context.close();
}

// Hostile mail in a browser: it may be seen, and that is all.
async function hostile(box) {
  const names = readdirSync(corpus).filter((name) => name.endsWith(".html"));
  box.check(names.length > 10, "the corpus of hostile mail is not there");
  for (const name of names) await send(box, person, letter({ subject: "hostile " + name, ...html(readFileSync(new URL(name, corpus), "utf8")) }));
  const { page, context } = await box.login(person);
  box.elsewhere = true; // what is asked for is judged here
  const asked = [];
  await context.route((url) => url.hostname !== "mailbox.local", (route) => { asked.push(route.request()); route.fulfill({ contentType: "image/png", body: Buffer.from(pixel, "base64") }); });
  context.on("page", (tab) => box.check(false, `a window was opened: ${tab.url()}`));
  page.on("dialog", (dialog) => { box.check(false, `a dialog: ${dialog.message()}`); dialog.dismiss(); });
  await page.goto(box.https + "/mail");
  const addresses = new Map();
  for (const name of names) addresses.set(name, box.https + (await row(page, "hostile " + name).locator(".open").getAttribute("href")));
  for (const [name, at] of addresses) {
    for (const pictures of [false, true]) {
      asked.length = 0;
      const own = [];
      const note = (r) => own.push(r);
      page.on("request", note);
      await page.goto(at + (pictures ? "?pictures=1" : ""), { waitUntil: "load" });
      // Whatever starts by a mouse or a key.
      const frame = page.frames().find((f) => f !== page.mainFrame());
      box.check(frame !== undefined, `${name}: no frame`);
      const box_ = await page.locator("iframe.html").boundingBox();
      for (const part of [0.1, 0.4, 0.8]) await page.mouse.move(box_.x + box_.width * part, box_.y + 40);
      await sleep(150);
      page.off("request", note);
      const bad = asked.filter((r) => !pictures || r.resourceType() !== "image" || !r.url().startsWith("https:"));
      box.check(bad.length === 0, `${name}: loads ${bad.map((r) => r.url())}`);
      const strange = own.filter((r) => new URL(r.url()).hostname === "mailbox.local" && !/^\/(static|mail)\//.test(new URL(r.url()).pathname));
      box.check(strange.length === 0, `${name}: asks the box for ${strange.map((r) => r.url())}`);
      box.check(page.frames().length === 2 && page.url().startsWith(at), `${name}: frames or address changed: ${page.url()}`);
      box.check(frame.url().includes("/body/"), `${name}: the frame went to ${frame.url()}`);
      // The frame stays inside its border, and has no script's traces.
      const seen = await frame.evaluate(() => ({ origin: self.origin, elements: document.querySelectorAll("script, iframe, object, embed, form, input, base, link, svg, math").length }));
      box.check(seen.origin === "null" && seen.elements === 0, `${name}: ${JSON.stringify(seen)}`);
    }
  }
  box.elsewhere = false;
  await context.close();
}
