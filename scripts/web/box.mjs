// The box under test and the browser that looks at it. An area's file gets one
// of these and uses:
//
//   box.http, box.https        where the box is, under its name
//   box.visitor(options)       a new browser profile; {page, context}
//   box.login(name, options)   one that is logged in
//   box.look(page, name)       axe, and pictures in all sizes and colours
//   box.check(ok, text)        notes a failure and goes on
//   box.posthorn(...args)      the command line
//   box.code()                 the code for the set-up
import { chromium } from "playwright-core";
import axe from "axe-core";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

export const password = "a password for tests";
const hostname = "mailbox.local";

export class Box {
  problems = [];
  seen = new Set();
  pictures = 0;
  pages = new Set();
  silent = new Set(); // contexts without scripts

  static async open() {
    const box = new Box();
    const offset = Number(process.env.OFFSET);
    box.ports = { http: 80 + offset, https: 443 + offset, smtp: 25 + offset, imaps: 993 + offset, submissions: 465 + offset };
    box.http = `http://${hostname}:${box.ports.http}`;
    box.https = `https://${hostname}:${box.ports.https}`;
    box.browser = await chromium.launch({
      executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", `--host-resolver-rules=MAP * 127.0.0.1`],
    });
    return box;
  }

  async close() {
    await this.browser.close();
  }

  check(ok, text) {
    if (!ok) this.problems.push(text);
    return ok;
  }

  posthorn(...args) {
    let input;
    if (typeof args.at(-1) === "object") ({ input } = args.pop());
    return execFileSync(process.env.POSTHORN, [...args, "--data", process.env.DATA], { input, encoding: "utf8" });
  }

  // The code the box wrote into its log last.
  code() {
    const all = [...readFileSync(process.env.LOG, "utf8").matchAll(/code=(\d{8})/g)];
    return all.at(-1)[1];
  }

  // A new profile. Whatever the browser complains about is a failure, and so
  // is a request to anywhere but the box.
  async visitor(options = {}) {
    const context = await this.browser.newContext({ locale: "en-GB", timezoneId: "Europe/London", viewport: { width: 1280, height: 800 }, ...options });
    context.setDefaultTimeout(60_000);
    if (options.javaScriptEnabled === false) this.silent.add(context);
    const page = await context.newPage();
    this.watch(page);
    context.on("page", (other) => this.watch(other));
    return { context, page };
  }

  watch(page) {
    if (this.pages.has(page)) return;
    this.pages.add(page);
    page.on("close", () => this.pages.delete(page));
    page.on("pageerror", (err) => this.check(false, `${page.url()}: a script failed: ${err}`));
    page.on("console", (m) => {
      if (m.type() !== "error" || /Failed to load resource.*status of 4\d\d/.test(m.text()) || this.expected?.test(m.text())) return;
      this.check(false, `${page.url()}: the browser complains: ${m.text()}`);
    });
    page.on("response", (r) => {
      if (r.url().includes("/static/")) this.check(r.ok(), `${page.url()} has no ${r.url()}`);
    });
    page.on("request", (r) => {
      const url = new URL(r.url());
      const ours = url.hostname === hostname || url.protocol === "data:" || url.protocol === "blob:" || url.protocol === "about:";
      if (!ours && !this.elsewhere) this.check(false, `${page.url()} asks elsewhere: ${r.url()}`);
    });
  }

  async login(name, options = {}) {
    const visitor = await this.visitor(options);
    await visitor.page.goto(this.https + "/login");
    await visitor.page.fill("#name", name);
    await visitor.page.fill("#password", options.password || password);
    await visitor.page.click("main button");
    await visitor.page.waitForURL((url) => url.pathname !== "/login");
    return visitor;
  }

  // Looks at the page as it is: axe, nothing wider than the window, and
  // pictures at 360 and 1280 pixels, light and dark. Once per name.
  async look(page, name) {
    if (this.silent.has(page.context())) throw new Error(`${name}: axe needs scripts; look at it in another profile`);
    if (this.seen.has(name)) return;
    this.seen.add(name);
    const before = page.viewportSize();
    for (const width of [360, 1280]) {
      await page.setViewportSize({ width, height: 800 });
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        await sleep(50);
        await page.screenshot({ path: `${process.env.PICTURES}/${name}-${width}-${colorScheme}.png`, fullPage: true });
        this.pictures++;
        // Both widths and both colours are judged once, not each pair.
        if ((width === 360) === (colorScheme === "light")) await this.axe(page, `${name} at ${width}, ${colorScheme}`);
      }
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      this.check(wide <= 0, `${name} is ${wide} pixels wider than ${width}`);
    }
    const text = await page.evaluate(() => document.body.innerText);
    this.check(!/\[[a-z]+\.[a-z0-9.]+\]|%!|<no value>/.test(text), `${name} has words missing: ${text.match(/\[[a-z]+\.[a-z0-9.]+\]|%!.{9}/)}`);
    await page.emulateMedia({ colorScheme: "light" });
    await page.setViewportSize(before);
  }

  async axe(page, where) {
    // Evaluated from outside, so the page's policy on scripts does not matter.
    await page.evaluate(`if (!window.axe) { ${axe.source} }`);
    const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
    for (const v of violations) {
      this.check(false, `${where}: ${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join(" | ")}`);
    }
  }

  // After a failure: where every page stood.
  async lastLook() {
    let n = 0;
    for (const page of this.pages) {
      const file = `${process.env.PICTURES}/failed-${++n}.png`;
      await page.screenshot({ path: file, fullPage: true, timeout: 5000 }).catch(() => {});
      console.error(`a page stood at ${page.url()}, see ${file}`);
    }
  }
}
