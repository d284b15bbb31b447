"""Servers that fall silent in each phase, in real time: each is given up when
RFC 5321 says so, the sender can read what happened in the meantime, and
nobody else's mail waits for them. Takes twelve minutes."""

import time

from box import *

# phase, seconds until it is given up, words of the answer
PHASES = [("connect", 30, "can't connect to port 25: no answer"), ("greeting", 300, "did not answer in time before the greeting"),
          ("ehlo", 300, "did not answer in time at EHLO"), ("mail", 300, "did not answer in time at "),
          ("rcpt", 300, "did not answer in time at RCPT"), ("data", 120, "did not answer in time at DATA"),
          ("dot", 600, "did not answer in time after the message was sent, before the server said that it has it")]

fresh(None)
step("the smarthost falls silent at AUTH")
posthorn("smarthost", "set", "auth.odd.example:25", "--security", "none", "--mechanism", "CRAM-MD5", "--user", "alice", "--password-stdin", stdin="x\n")
asked = time.time()
said = posthorn("smarthost", "test", ok=False)
check("at AUTH" in said and 50 < time.time() - asked < 90, f"after {time.time() - asked:.0f} s: {said}")
print(f"   given up after {time.time() - asked:.0f} s")
posthorn("smarthost", "remove", "auth.odd.example")
posthorn("sending", "direct")

step("a message for each silent server, and some for others")
began = time.time()
for phase, _, _ in PHASES:
    send(f"x@{phase}.odd.example", phase)
send("x@starttls.odd.example", "starttls")  # an offer only: it goes without
send("good@good.odd.example", "not held up")
send("anna@far.example", "not held up")
wait("the others' mail arrives", lambda: arrived("good") and arrived("anna"), 30)
print(f"   the others' mail arrived after {time.time() - began:.0f} s")
check(len(outbox()) == len(PHASES) + 1, "a silent server took a message")

step("each is given up in its time")
left = {phase: (seconds, words) for phase, seconds, words in PHASES}
while left:
    check(time.time() < began + 900, f"not given up: {left}")
    for phase, (seconds, words) in list(left.items()):
        r = waits_for(f"x@{phase}.odd.example")
        check(r is not None, f"the message for {phase} is gone")
        if words in r.get("answer", ""):
            print(f"   {phase}: {r['answer']} ({time.time() - began:.0f} s)", flush=True)
            del left[phase]
        elif r.get("answer"):
            check(words in r["answer"] or "no answer" in r["answer"], f"{phase}: {r['answer']}")
    time.sleep(5)

wait("what was offered encryption in vain arrives without", lambda: arrived("x"))

step("what the sender finds")
check(len(texts("INBOX")) == 0, "a notice was sent for what is tried again")
subjects = {t["Subject"] for t in texts("Outbox")}
check(subjects >= {phase for phase, _, _ in PHASES}, f"Outbox shows {subjects}")
for m in outbox():
    said = posthorn("outbox", "cancel", str(m["number"]))
check(not outbox() and not texts("Outbox"), "the messages can't be withdrawn")
end()
