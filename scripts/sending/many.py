"""Thousands of messages for 50 domains, half of which are down: how long the
others' mail takes, what memory the box needs, and what it writes.

    many.py MESSAGES"""

import re
import sys
import threading
import time

import box
from box import *

MESSAGES, DOMAINS, CLIENTS = int(sys.argv[1]), 50, 8
UP = DOMAINS // 2  # those with an even number have a server, the others refuse connections or do not exist


def proc(name):
    return (Path("/proc") / str(box.running.pid) / name).read_text()


def memory():
    """Resident memory in MB that is the box's own, without the store's mapped files."""
    return int(re.search(r"RssAnon:\s+(\d+)", proc("status"))[1]) / 1024


def written():
    return int(re.search(r"write_bytes: (\d+)", proc("io"))[1])


def sunk():
    """Messages the world's servers have counted."""
    return sum(int(line.split()[-1]) for line in [(WORK / "sink.count").read_text()] if line.strip())


def submit(client, at):
    with login() as s:
        for n in range(client, MESSAGES, CLIENTS):
            s.docmd("MAIL", f"FROM:<alice@mailbox.local> HOLDUNTIL={at}")
            s.docmd("RCPT", f"TO:<x@d{n % DOMAINS}.example>")
            code, answer = s.data(f"From: alice@mailbox.local\r\nSubject: {n}\r\n\r\n{'text ' * 200}\r\n")
            if code != 250:
                failures.append(answer)


step(f"{MESSAGES} messages are put into the queue for {DOMAINS} domains")
fresh("direct")
lead = 60 + MESSAGES // 40
at = time.time() + lead
failures, began, before = [], time.time(), written()
clients = [threading.Thread(target=submit, args=(c, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)))) for c in range(CLIENTS)]
for c in clients:
    c.start()
for c in clients:
    c.join()
check(not failures, f"not taken: {failures[:3]}")
accepted = written() - before
print(f"   taken in {time.time() - began:.0f} s, {accepted / MESSAGES:.0f} octets written per message; memory {memory():.0f} MB", flush=True)
check(time.time() < at, "taking them in lasted longer than they were held")

step("all are due at once")
time.sleep(max(0, at - time.time()))
begin, before, most, first = time.time(), written(), memory(), memory()
while sunk() < MESSAGES * UP // DOMAINS:
    check(time.time() < begin + 900, f"only {sunk()} have arrived")
    most = max(most, memory())
    time.sleep(0.2)
healthy = time.time() - begin
print(f"   those for the {UP} that are up have arrived after {healthy:.0f} s, {MESSAGES * UP / DOMAINS / healthy:.0f} a second; "
      f"memory {first:.0f} MB at first, {most:.0f} MB at most", flush=True)

step("the others wait")
left = MESSAGES - MESSAGES * UP // DOMAINS
end_of_round = time.time() + 600
while True:
    waiting = outbox()
    attempts = sum(r.get("attempts", 0) for m in waiting for r in m["recipients"])
    most = max(most, memory())
    if len(waiting) == left and all(r.get("attempts") for m in waiting for r in m["recipients"]):
        break
    check(time.time() < end_of_round, f"{len(waiting)} wait, {attempts} attempts")
    time.sleep(3)
attempts += MESSAGES - left
out = written() - before
print(f"   {left} wait, tried or put off {attempts - MESSAGES + left} times; {attempts} attempts in all, {out / attempts:.0f} octets written per attempt; "
      f"memory {memory():.0f} MB, {most:.0f} MB at most")
check(most < 200, "the box needs more memory than a small board has")
check(out / attempts < 20000, "an attempt writes more than it should")
check(sunk() == MESSAGES - left, "messages arrived twice")
end()
