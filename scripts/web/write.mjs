// Writing: drafts that save themselves, files by drag and drop, sending to
// somebody of the household, undo, a set time, withdrawing, rules; with and
// without JavaScript, in both languages.
import { password } from "./box.mjs";
import { setTimeout as sleep } from "node:timers/promises";

export default async function (box) {
  for (const name of ["wilma", "budi", "noscript"]) box.posthorn("account", "add", name, "--password-stdin", { input: password });
  await drafts(box);
  await sending(box);
  await replying(box);
  await failing(box);
  await rules(box);
  await plain(box);
  await indonesian(box);
}

// settled waits until something is so.
async function settled(what, is) {
  for (let i = 0; i < 300; i++) {
    if (await is()) return true;
    await sleep(100);
  }
  throw new Error(`waited in vain for ${what}`);
}

// open follows the link of a message in a list.
async function open(page, subject) {
  await page.locator("main a").filter({ hasText: subject }).first().click();
}

// listed tells whether a list has a message.
const listed = async (page, subject) => (await page.locator("main a").filter({ hasText: subject }).count()) > 0;

// The draft: half typed, completed, with files; written only when changed.
async function drafts(box) {
  const { page, context } = await box.login("wilma");
  let saves = 0;
  page.on("request", (r) => { if (r.method() === "POST" && new URL(r.url()).pathname === "/mail/write") saves++; });
  await page.goto(box.https + "/mail/write");
  await box.look(page, "write-new");

  await page.locator("#to").pressSequentially("bud");
  await page.waitForSelector("#offers-1 [role=option]");
  await box.axe(page, "write with offers");
  await page.screenshot({ path: `${process.env.PICTURES}/write-offers.png` });
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  box.check((await page.inputValue("#to")).startsWith("budi@"), "the address is not completed");
  await page.fill("#subject", "Pictures of the trip");
  await page.fill("#text", "Hello Budi,\n\nhere they are.");
  await page.keyboard.press("Enter");

  // Dropped anywhere on the page, with progress, saved into the draft.
  const transfer = await page.evaluateHandle(() => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(700000)], "mountains.jpg", { type: "image/jpeg" }));
    data.items.add(new File(["a list"], "../../list.txt", { type: "text/plain" }));
    return data;
  });
  await page.dispatchEvent("h1", "dragenter", { dataTransfer: transfer });
  box.check(await page.locator("#drop.over").count() === 1, "the page does not show where to drop");
  await page.dispatchEvent("h1", "drop", { dataTransfer: transfer });
  await page.waitForSelector("#files li:nth-child(2)");
  box.check(await page.innerText("#files li:nth-child(2) span") === "list.txt 6 bytes", `a file is called ${await page.innerText("#files li:nth-child(2) span")}`);
  await box.look(page, "write-files");

  // Nothing changed, nothing is written; something changed, once.
  const before = saves;
  await sleep(2000);
  await page.locator("#text").pressSequentially(" More");
  await page.waitForFunction(() => /Draft saved/.test(document.getElementById("status").textContent), null, { timeout: 60_000 });
  box.check(saves === before + 1, `${saves - before} saves of one change`);
  await page.locator("#text").pressSequentially(" soon.");
  await sleep(2000);
  box.check(saves === before + 1, "a draft is saved again too soon");

  // Too large is said before it is sent.
  const large = await page.evaluateHandle(() => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(60e6)], "film.mp4"));
    return data;
  });
  await page.dispatchEvent("h1", "drop", { dataTransfer: large });
  await page.waitForFunction(() => /too large/.test(document.getElementById("status").textContent));

  // Leaving the page saves what is typed.
  const id = await page.inputValue("input[name=id]");
  await page.goto(box.https + "/mail/outbox");
  await box.look(page, "outbox-empty");
  await page.goto(box.https + "/mail/write?draft=" + encodeURIComponent(id));
  await settled("the draft saved when leaving", async () => {
    await page.reload();
    return (await page.inputValue("#text")).endsWith("More soon.");
  });
  await page.click("#files li:nth-child(2) button");
  await page.waitForSelector("#files li");
  box.check(await page.locator("#files li").count() === 1, "the file is not taken out");
  await page.click("text=Discard");
  await page.waitForSelector(".notice button");
  await page.click(".notice button");
  await page.waitForSelector("#letter");
  box.check((await page.inputValue("#subject")) === "Pictures of the trip", "the discarded draft is not back");
  await page.click("button[value=close]");

  // The list of drafts leads back to it.
  await page.click("nav >> text=Drafts");
  await open(page, "Pictures of the trip");
  await page.waitForSelector("#letter");
  box.check(await page.locator("#files li").count() === 1, "the draft lost its file");
  await context.close();
}

async function sending(box) {
  const wilma = await box.login("wilma"), budi = await box.login("budi");
  const { page } = wilma;

  // Sent, called back, sent again, read by the other.
  await page.goto(box.https + "/mail/write");
  await page.fill("#to", "budi");
  await page.fill("#subject", "Dinner on Friday?");
  await page.fill("#text", "Shall we cook together?");
  await page.setInputFiles("#attach", { name: "menu.txt", mimeType: "text/plain", buffer: Buffer.from("soup") });
  await page.waitForSelector("#files li");
  await page.click("button[value=send]");
  await page.waitForSelector(".notice button");
  await page.click(".notice button");
  await page.waitForSelector("#letter");
  box.check((await page.inputValue("#text")) === "Shall we cook together?", "what was called back is not as it was");
  box.check(await page.locator("#files li").count() === 1, "what was called back lost its file");

  // At a set time, and other times.
  await page.selectOption("#when", "monday");
  await page.click("button[value=send]");
  await page.waitForSelector(".notice");
  await page.goto(box.https + "/mail/outbox");
  box.check(/08:00/.test(await page.innerText(".state")), "the Outbox does not say when it leaves");
  await box.look(page, "outbox");
  await page.click("summary");
  await page.fill("input[name=at]", "2027-01-01T10:30");
  await page.click("button[value=time]");
  await page.waitForSelector("text=1 January 2027, 10:30");
  await page.click("button[value=now]");
  await settled("the Outbox to be empty", async () => {
    await page.goto(box.https + "/mail/outbox");
    return (await page.locator(".outbox").count()) === 0;
  });
  await budi.page.goto(box.https + "/mail");
  await settled("the message in the INBOX", () => listed(budi.page, "Dinner on Friday?"));

  // Budi has not opened it: Wilma can have it back.
  await page.goto(box.https + "/mail");
  await page.click("nav >> text=Sent");
  await open(page, "Dinner on Friday?");
  await page.click("form.withdraw button");
  await page.waitForSelector("text=Taken back, unread, from budi");
  await budi.page.reload();
  box.check(!(await listed(budi.page, "Dinner on Friday?")), "budi still has what was withdrawn");

  // What can't be sent is said, and kept.
  await page.goto(box.https + "/mail/write");
  await page.fill("#to", "nobody here, stranger@elsewhere.example");
  await page.fill("#subject", "lost");
  await page.click("button[value=send]");
  await page.waitForSelector("[role=alert]");
  await box.look(page, "write-wrong");
  await page.fill("#to", "stranger@elsewhere.example");
  await page.click("button[value=send]");
  await page.waitForSelector("text=does not send mail to other places yet");

  // Choices.
  await page.goto(box.https + "/me/sending");
  await box.look(page, "sending");
  await page.selectOption("#undo", "0");
  await page.fill("#signature", "Wilma, upstairs");
  await page.click("main button");
  await page.waitForSelector(".notice");
  await page.goto(box.https + "/mail/write");
  box.check((await page.inputValue("#text")).endsWith("-- \nWilma, upstairs"), "no signature");
  await page.fill("#to", "budi");
  await page.fill("#subject", "The key");
  await page.fill("#text", "It is under the mat.\n\n-- \nWilma, upstairs");
  await page.click("button[value=send]");
  await page.waitForSelector(".notice");
  await settled("the message without undo time", async () => {
    await budi.page.reload();
    return listed(budi.page, "The key");
  });
  await wilma.context.close();
  await budi.context.close();
}

// An answer goes back, quotes, and marks.
async function replying(box) {
  const { page, context } = await box.login("budi");
  await page.goto(box.https + "/mail");
  await open(page, "The key");
  await page.click("main >> text=Reply >> nth=0");
  await page.waitForSelector("#letter");
  box.check((await page.inputValue("#to")).includes("wilma@"), "the answer does not go to who wrote");
  box.check((await page.inputValue("#text")).includes("wrote:\n> It is under the mat."), "the answer does not quote");
  await box.look(page, "write-reply");
  await page.locator("#text").pressSequentially("Found it.");
  await page.keyboard.press("Control+Enter");
  await page.waitForSelector(".notice button");
  await context.close();
}

// Mail that can't leave says why, and can be tried again, or withdrawn.
async function failing(box) {
  box.posthorn("smarthost", "set", "127.0.0.1:1", "--security", "none"); // nobody listens there
  const { page, context } = await box.login("wilma");
  await page.goto(box.https + "/mail/write");
  await page.fill("#to", "Aunt Mia <mia@elsewhere.example>");
  await page.fill("#subject", "Greetings");
  await page.click("button[value=send]");
  await page.waitForSelector(".notice");
  await settled("the reason in the Outbox", async () => {
    await page.goto(box.https + "/mail/outbox");
    return (await page.locator(".failing .problem").count()) > 0;
  });
  await box.look(page, "outbox-failing");
  await page.click("button[value=retry]");
  await page.waitForSelector(".notice");
  await page.click("button[value=withdraw]");
  await page.waitForSelector("text=Nothing waits to leave");
  box.posthorn("sending", "none");
  await context.close();
}

async function rules(box) {
  const { page, context } = await box.login("wilma");
  await page.goto(box.https + "/me/rules");
  await box.look(page, "rules-none");
  await page.click("text=Add a rule");
  await page.selectOption("select[name=test]", "from.contains");
  await page.fill("input[name=text]", "budi");
  await page.click("text=One more condition");
  await page.selectOption("select[name=test] >> nth=1", "subject.contains");
  await page.fill("input[name=text] >> nth=1", "key");
  await page.selectOption("#folder", { label: "Archive" });
  await page.check("input[name=flag]");
  await box.look(page, "rule");
  await page.click("text=Save the rule");
  await page.waitForSelector("text=When the sender contains “budi” and the subject contains “key”");
  await page.click("text=Add a rule");
  await page.click("text=Save the rule");
  await page.waitForSelector("[role=alert]");
  await page.selectOption("select[name=test]", "size.over");
  await page.fill("input[name=text]", "5");
  await page.check("input[name=read]");
  await page.click("text=Save the rule");
  await page.waitForSelector("text=larger than 5 MB");
  await box.look(page, "rules");
  await settled("the answer, sorted", async () => {
    await page.goto(box.https + "/mail");
    await page.click("nav >> text=Archive");
    return listed(page, "Re: The key");
  });
  await context.close();
}

// Everything once without JavaScript.
async function plain(box) {
  const { page, context } = await box.login("noscript", { javaScriptEnabled: false });
  await page.goto(box.https + "/mail/write");
  await page.fill("#to", "budi");
  await page.fill("#subject", "From an old browser");
  await page.fill("#text", "No scripts here.");
  await page.setInputFiles("#attach", { name: "old.txt", mimeType: "text/plain", buffer: Buffer.from("paper") });
  await page.focus("#subject");
  await page.keyboard.press("Enter"); // saves, and sends nothing
  await page.waitForSelector("#files li");
  box.check((await page.inputValue("#text")) === "No scripts here.", "saving loses the text");
  await page.click("button[value=send]");
  await page.waitForSelector(".notice button");
  await page.click(".notice button");
  await page.waitForSelector("#letter");
  await page.selectOption("#when", "at");
  await page.fill("#at", "2027-02-03T09:00");
  await page.click("button[value=send]");
  await page.waitForSelector(".notice");
  await page.goto(box.https + "/mail/outbox");
  await page.waitForSelector("text=3 February 2027, 09:00");
  await page.click("button[value=now]");
  await context.close();

  const budi = await box.login("budi", { javaScriptEnabled: false });
  await settled("the message without JavaScript", async () => {
    await budi.page.goto(box.https + "/mail");
    return listed(budi.page, "From an old browser");
  });
  await budi.context.close();
}

// The same pages in Indonesian.
async function indonesian(box) {
  box.posthorn("settings", "set", "language", "id");
  const { page, context } = await box.login("budi");
  for (const [path, name] of [["/mail/write", "write"], ["/mail/outbox", "outbox"], ["/me/sending", "sending"], ["/me/rules", "rules"], ["/me/rules/edit", "rule"]]) {
    await page.goto(box.https + path);
    await box.look(page, `${name}-id`);
  }
  box.posthorn("settings", "set", "language", "en");
  await context.close();
}
