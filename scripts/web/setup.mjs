// From an empty card to an owner who is logged in, in the language of the
// browser; then an invitation.
import { password } from "./box.mjs";

export default async function (box) {
  await indonesian(box);
  const { page, context } = await box.visitor({ timezoneId: "Asia/Jakarta" });

  // The first look, without TLS. The box is trusted already, so the page goes
  // on by itself and takes the code of the picture along.
  await page.goto(box.http + "/");
  await page.waitForURL(box.https + "/setup");
  await box.look(page, "setup-code");
  await page.fill("#code", "1234 5678");
  await page.click("main button");
  await page.waitForSelector("[role=alert]");
  await box.look(page, "setup-code-wrong");
  await page.goto(`${box.http}/#${box.code()}`);
  await page.waitForURL(box.https + "/setup");
  box.check((await page.inputValue("#code")).replace(" ", "") === box.code(), "the picture's code is not in the field");
  await page.click("main button");

  await page.waitForURL("**/setup/home");
  box.check((await page.inputValue("#zone")) === "Asia/Jakarta", "the browser's time zone is not chosen");
  await box.look(page, "setup-home");
  await page.fill("#household", "The Testers");
  await page.selectOption("#zone", "Europe/London");
  await page.click("main button");

  await page.waitForURL("**/setup/you");
  await page.fill("#display", "Álice Tester");
  box.check((await page.inputValue("#name")) === "alice", "no address is proposed");
  await page.fill("#password", "short");
  const hint = await page.textContent("#strength-hint");
  await page.fill("#password", password);
  box.check(hint !== (await page.textContent("#strength-hint")), "the hint on the password's strength does not change");
  await box.look(page, "setup-you");
  await page.click("main button");

  await page.waitForURL("**/setup/sending");
  await box.look(page, "setup-sending-none");
  await page.check("input[value=smarthost]");
  await page.selectOption("#provider", "other");
  await box.look(page, "setup-sending");
  await page.fill("#host", "127.0.0.1");
  await page.fill("#port", String(box.ports.submissions));
  await page.fill("#user", "alice");
  await page.fill("#password", "not the password");
  await page.click("main button");
  await page.waitForSelector("[role=alert]");
  await box.look(page, "setup-sending-fails");
  await page.check("input[value=none]");
  await page.click("main button");

  await page.waitForURL("**/setup/done");
  await box.look(page, "setup-done");
  await page.click("main .button");
  await page.waitForURL("**/connect?name=alice");
  await box.look(page, "connect");

  // Nobody gets in by a code any more.
  const stranger = await box.visitor();
  await stranger.page.goto(box.https + "/setup");
  await stranger.page.waitForURL(box.https + "/login");
  await stranger.context.close();
  await context.close();
}

// The same pages for a browser that speaks Indonesian and runs no scripts; the
// set-up is left half way.
async function indonesian(box) {
  const { page, context } = await box.visitor({ locale: "id-ID", javaScriptEnabled: false });
  await page.goto(box.http + "/");
  box.check(page.url() === box.http + "/welcome", `the first look is at ${page.url()}`);
  box.check((await page.getAttribute("html", "lang")) === "id", "the first look is not in the browser's language");
  await page.click("#go");
  await page.waitForURL(box.https + "/setup");
  await page.fill("#code", box.code());
  await page.click("main button");
  await page.waitForURL("**/setup/home");
  box.check((await page.inputValue("#zone")) === "Asia/Jakarta", "no time zone is guessed from the language");
  await context.close();
}
