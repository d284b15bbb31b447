// Runs the areas in order, all against one box. The set-up comes first: the
// others live with the people it makes.
import { Box } from "./box.mjs";

const all = ["setup", "frame", "house", "mail", "write", "me"];
const { existsSync } = await import("node:fs");
const wanted = process.argv.slice(2);
const box = await Box.open();
let failed = false;
try {
  for (const name of all) {
    const file = new URL(`./${name}.mjs`, import.meta.url);
    if (!existsSync(file) || (name !== "setup" && wanted.length && !wanted.includes(name))) continue;
    const began = Date.now();
    await (await import(file)).default(box);
    console.log(`${name}: ${((Date.now() - began) / 1000).toFixed(1)} s`);
  }
} catch (err) {
  failed = true;
  console.error(err);
  await box.lastLook();
} finally {
  await box.close();
}
if (box.problems.length) {
  failed = true;
  for (const p of box.problems) console.error("FAILED:", p);
}
console.log(failed ? "the pages do not pass" : `every page passes, ${box.seen.size} of them looked at in ${box.pictures} pictures`);
process.exit(failed ? 1 : 0);
