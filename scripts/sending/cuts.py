"""Kills the box again and again while messages leave to Postfix: none may be
lost, and twice may arrive only what was cut off between the final dot and its
answer.

    cuts.py MESSAGES CUTS"""

import email
import random
import re
import signal
import smtplib
import sys
import time
from collections import Counter

import box
from box import *

MESSAGES, CUTS = int(sys.argv[1]), int(sys.argv[2])


def uncertain():
    """The messages the box says may arrive twice, once for each time."""
    LOG.flush()
    return Counter(re.findall(r"may arrive twice.* queue_id=(\w+)", (WORK / "box.log").read_text(errors="replace")))


step(f"{CUTS} cuts while {MESSAGES} messages leave")
fresh("direct")
taken, cuts, began = {}, 0, time.time()  # queue id of each subject
while len(taken) < MESSAGES or outbox():
    # Between two cuts some messages come in and some leave.
    share = (MESSAGES - len(taken)) / max(CUTS - cuts, 1)
    deadline = time.time() + random.uniform(0.02, 0.6)
    try:
        with login() as s:
            for _ in range(max(1, round(random.uniform(0, 2 * share)))):
                if len(taken) == MESSAGES:
                    break
                subject = f"number {len(taken)}"
                s.mail("alice@mailbox.local")
                s.rcpt("many@far.example")
                code, answer = s.data(f"From: alice@mailbox.local\r\nTo: many@far.example\r\nSubject: {subject}\r\n\r\n{'text ' * 500}\r\n")
                check(code == 250, f"refused with {code} {answer}")
                taken[subject] = re.search(rb"queued as (\w+)", answer)[1].decode()
    except smtplib.SMTPServerDisconnected:
        fail("the box went away by itself")
    time.sleep(max(0, deadline - time.time()))
    if cuts < CUTS:
        box.running.send_signal(signal.SIGKILL)
        box.running.wait()
        cuts += 1
        start()
        if cuts % 20 == 0:
            print(f"   {cuts} cuts, {len(taken)} messages taken, {len(arrived('many'))} arrived", flush=True)
    else:
        time.sleep(0.5)
        posthorn("outbox", "retry", "all")

# Postfix may still be putting the last ones down.
wait("everything arrives", lambda: len({email.message_from_bytes(f.read_bytes())["Subject"] for f in arrived("many")}) == MESSAGES, 120)
came = Counter(email.message_from_bytes(f.read_bytes())["Subject"] for f in arrived("many"))
lost = [s for s in taken if s not in came]
doubt = uncertain()
doubles = {s: n - 1 for s, n in came.items() if n > 1}
unexplained = [s for s, n in doubles.items() if n > doubt[taken[s]]]
print(f"   {len(taken)} messages, {cuts} cuts in {time.time() - began:.0f} s: {len(lost)} lost, {sum(doubles.values())} arrived twice; "
      f"{sum(doubt.values())} were cut off between the final dot and its answer")
check(not lost, f"lost: {lost}")
check(not unexplained, f"arrived twice without a reason: {unexplained}")
end()
