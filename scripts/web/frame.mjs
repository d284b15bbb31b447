// What every page has: the first look, the login, languages, errors; and what
// other sites try.
import { createServer } from "node:http";
import { once } from "node:events";

export default async function (box) {
  for (const [locale, name] of [["en-GB", "en"], ["id-ID", "id"]]) {
    const { page, context } = await box.visitor({ locale });
    await page.route("**/trusted.svg", (route) => route.abort()); // as if the box were not trusted yet
    box.expected = /trusted.svg|ERR_FAILED/;
    await page.goto(box.http + "/welcome");
    await box.look(page, `welcome-${name}`);
    box.expected = undefined;
    await page.goto(box.https + "/login?to=/me");
    await box.look(page, `login-${name}`);
    await page.fill("#name", "alice");
    await page.fill("#password", "not the password");
    await page.click("main button");
    await box.look(page, `login-wrong-${name}`);
    await page.goto(box.https + "/connect/iphone?name=alice");
    await box.look(page, `connect-iphone-${name}`);
    await page.goto(box.https + "/there/is/nothing");
    await box.look(page, `problem-${name}`);
    await context.close();
  }

  // The language can be picked on every page before the login.
  const visitor = await box.visitor();
  await visitor.page.goto(box.https + "/login");
  await visitor.page.click("footer a[lang=id]");
  box.check((await visitor.page.getAttribute("html", "lang")) === "id", "the language picked is not spoken");
  box.check(new URL(visitor.page.url()).pathname === "/login", "picking a language leads elsewhere");
  await visitor.context.close();

  // The keyboard gets to the content first.
  const { page, context } = await box.login("alice");
  await page.goto(box.https + "/connect");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  box.check((await page.evaluate(() => document.activeElement.id)) === "main", "the first Tab does not lead to the content");
  for (const c of await context.cookies(box.https)) {
    box.check(c.httpOnly && c.secure && c.sameSite === "Lax" && c.name.startsWith("__Host-"), `the cookie ${c.name} is not as it should be`);
  }
  const shift = await page.evaluate(() => new Promise((done) => {
    new PerformanceObserver((list) => done(list.getEntries().reduce((n, e) => n + e.value, 0))).observe({ type: "layout-shift", buffered: true });
    setTimeout(() => done(0), 500);
  }));
  box.check(shift < 0.02, `the page shifts while it loads: ${shift}`);
  const before = await load(page, box.https + "/connect");
  const again = await load(page, box.https + "/connect");
  box.check(before < 60_000, `a page of the frame takes ${before} octets`);
  box.check(again < 15_000, `loaded again it takes ${again} octets`);

  await otherSites(box, page, context);
  await context.close();
}

// How many octets loading a page takes over the wire.
async function load(page, url) {
  await page.goto(url);
  return page.evaluate(() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
    .reduce((n, e) => n + e.transferSize, 0));
}

// Another site posts a form to the box from a browser that is logged in, puts
// it into a frame, and has its own name point at the box.
async function otherSites(box, page, context) {
  const target = box.https + "/me/sessions/end";
  const evil = createServer((request, response) => {
    response.setHeader("Content-Type", "text/html");
    response.end(request.url === "/frame" ? `<iframe src="${box.https}/me"></iframe>`
      : `<form method="post" action="${target}"><button>Win a prize</button></form>`);
  }).listen(0, "127.0.0.1");
  await once(evil, "listening");
  box.elsewhere = true;
  const site = `http://evil.example:${evil.address().port}`;
  const prize = await context.newPage();
  await prize.goto(site + "/");
  const [answer] = await Promise.all([prize.waitForResponse(target), prize.click("button")]);
  box.check(answer.status() === 403 || answer.status() === 303, `another site's form was answered ${answer.status()}`);
  await page.goto(box.https + "/me/sessions");
  box.check(page.url().endsWith("/me/sessions"), "another site's form logged somebody out");

  box.expected = /frame-ancestors|X-Frame-Options|Refused to display|in a frame/;
  await prize.goto(site + "/frame");
  const inside = await prize.frames()[1]?.evaluate(() => document.body.innerText).catch(() => "");
  box.check(!/Álice|Second step/.test(inside ?? ""), "another site can frame the pages");

  const rebound = await prize.goto(`http://evil.example:${box.ports.http}/connect`);
  box.check(rebound.status() === 421, `a strange name was answered ${rebound.status()}`);
  await box.look(prize, "strange");
  await prize.close();
  box.elsewhere = box.expected = undefined;
  evil.close();
}
