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
lead = 60 + MESSAGES // 50
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
mid = written()
print(f"   {(mid - before) / (MESSAGES * UP / DOMAINS):.0f} octets written per message sent, with all that was put off meanwhile")
print(f"   those for the {UP} that are up have arrived after {healthy:.0f} s, {MESSAGES * UP / DOMAINS / healthy:.0f} a second; "
      f"memory {first:.0f} MB at first, {most:.0f} MB at most", flush=True)

step("the others wait")
left = MESSAGES - MESSAGES * UP // DOMAINS


def counted():
    """How many messages were tried, and how often messages were put off with their destination."""
    LOG.flush()
    text = (WORK / "box.log").read_text(errors="replace")
    return (len(re.findall('msg="message (?:sent|will be tried again)"', text)),
            sum(map(int, re.findall('msg="messages put off" .*? messages=([0-9]+)', text))))


tried, put_off = counted()
while tried + put_off < MESSAGES:
    check(time.time() < begin + 1200, f"{tried} were tried, {put_off} put off")
    most = max(most, memory())
    time.sleep(2)
    tried, put_off = counted()
out = written() - before
print(f"   {tried} attempts, and {put_off} times a message was put off with its destination after {time.time() - begin:.0f} s: "
      f"{out / (tried + put_off):.0f} octets written for each; memory {memory():.0f} MB, {most:.0f} MB at most")
check(most < 200, "the box needs more memory than a small board has")
check(out / (tried + put_off) < 20000, "an attempt writes more than it should")
check(sunk() == MESSAGES - left, "messages arrived twice")
end()
