import { act, flag, follow, keys } from "./keys.js";

keys({
  j: () => follow("older"), n: () => follow("older"), k: () => follow("newer"), p: () => follow("newer"), u: () => follow("back"),
  r: () => follow("reply"), a: () => follow("replyall"), f: () => follow("forward"),
  e: () => act("archive"), "#": () => act(has("trash") ? "trash" : "delete"), "!": () => act("junk"), U: () => act("unread"), s: flag,
  c: () => location.assign("/mail/write"), "/": () => location.assign("/mail/search?q="),
});

function has(value) { return document.querySelector(`#acts button[value="${value}"]`) !== null; }
