"""Mail leaves through Postfix, late, not at all, or comes back: what its sender
finds in Outbox and INBOX."""

import os
import signal
import smtplib
import subprocess
import time
import urllib.request

from box import *

step("a box, an account, no way out yet")
start()
posthorn("account", "add", "alice", "--password-stdin", stdin=PASSWORD)
try:
    send("anna@far.example")
    fail("mail for elsewhere was taken without a way out")
except smtplib.SMTPRecipientsRefused as e:
    check(b"posthorn smarthost set" in e.recipients["anna@far.example"][1], f"refusal does not say what to do: {e}")

posthorn("sending", "direct")
step("scheduled in a mailbox of one's own: in one minute")
m = imap()
wait("Outbox is there", lambda: any(b"Tomorrow 08:00" in line for line in m.list()[1]))
check(m.create('"Outbox/In 1 minute"')[0] == "OK", "create failed")
scheduled = time.time()
check(m.append('"Outbox/In 1 minute"', "\\Draft", None, b"From: alice@mailbox.local\r\nTo: many@far.example\r\nSubject: in a minute\r\n\r\nx\r\n")[0] == "OK", "append failed")
m.logout()
check(len(outbox()) == 1 and outbox()[0]["scheduled"], "it is not scheduled")

step("direct: the domain's own server, with the undo time")
begun = time.time()
send("anna@far.example", "direct")
check(len(texts("Outbox")) == 1, "the message is not in Outbox")
wait("the message arrives", lambda: len(arrived("anna")) == 1, 60)
took = time.time() - begun
check(29 < took < 60, f"the undo time was {took:.1f} s")
check(b"Return-Path" not in arrived("anna")[0].read_bytes().split(b"Received:", 1)[1], "our Return-Path went along")
check("TLS" in (WORK / "postfix.log").read_text() or b"ESMTPS" in arrived("anna")[0].read_bytes(), "TLS was offered and not taken")
wait("Outbox is empty", lambda: not texts("Outbox"))
print(f"   arrived after {took:.1f} s")

posthorn("account", "undo", "alice", "10m")

step("withdrawn in Outbox")
send("anna@far.example", "withdrawn")
m = imap()
m.select("Outbox")
m.store("1", "+FLAGS", "\\Deleted")
check(m.expunge()[0] == "OK", "expunge failed")
m.logout()
check(not texts("Outbox") and all(w["scheduled"] for w in outbox()), "the withdrawn message still waits")

step("scheduled and taken back with mutt")
m = imap()
check(m.append("Drafts", "\\Draft", None, b"From: alice@mailbox.local\r\nTo: anna@far.example\r\nSubject: by mutt\r\n\r\nlater\r\n")[0] == "OK", "append failed")
m.logout()


def mutt(mailbox, keys):
    """Lets mutt open a mailbox and presses keys, as a person would."""
    p = subprocess.run(["script", "-qec", f"mutt -n -F {WORK}/muttrc -f 'imaps://alice@127.0.0.1/{mailbox}' -e 'push \"{keys}\"'", WORK / "mutt.out"],
                       env={**os.environ, "TERM": "xterm", "HOME": str(WORK), "LANG": "C.UTF-8"}, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    return (WORK / "mutt.out").read_text(errors="replace")


urllib.request.urlretrieve("http://127.0.0.1/ca.pem", WORK / "ca.pem")
(WORK / "muttrc").write_text(f"""
set folder="imaps://alice@127.0.0.1/" spoolfile="+INBOX" imap_pass="{PASSWORD}"
set certificate_file="{WORK}/ca.pem" record="" header_cache="" message_cachedir=""
set confirmappend=no confirmcreate=no delete=yes move=no quit=yes
""")
seen = mutt("Drafts", "<save-message>=Outbox/Tomorrow<quote-char> 08:00<enter><sync-mailbox><quit>")
check(len(texts("Outbox/Tomorrow 08:00")) == 1 and not texts("Drafts"), f"mutt has not scheduled it: {seen[-500:]}")
seen = mutt("Outbox/Tomorrow 08:00", "<delete-message><sync-mailbox><quit>")
check(not texts("Outbox/Tomorrow 08:00") and not waits_for("anna@far.example"), f"mutt has not withdrawn it: {seen[-500:]}")
posthorn("account", "undo", "alice", "0s")

step("a refused recipient: what the sender finds")
send("nobody@far.example", "refused")
_, words, fields = report("refused")
check("There is no mailbox with this address" in words, f"words are {words!r}")
check(fields[0]["Action"] == "failed" and fields[0]["Status"] == "5.1.1" and fields[0]["Final-Recipient"].endswith("nobody@far.example"),
      f"status is {fields[0].items()}")

step("encryption demanded of a server whose certificate is another's (REQUIRETLS)")
send("anna@far.example", "demanding", options=["REQUIRETLS"])
_, words, fields = report("demanding")
check(fields[0]["Status"] == "5.7.10" and "may travel encrypted only" in words, f"status is {fields[0].items()}")
check(len(arrived("anna")) == 1, "it arrived")

step("another mail server, OpenSMTPD")
send(["olga@open.example", "nobody@open.example"], "to open")
wait("it arrives", lambda: len(arrived("olga")) == 1)
_, words, fields = report("to open")
check(len(fields) == 1 and fields[0]["Status"].startswith("5.") and fields[0]["Final-Recipient"].endswith("nobody@open.example"), f"status is {fields[0].items()}")

step("greylisting: 4xx, then 2xx")
send("grey@far.example", "grey")
wait("an attempt fails", lambda: (waits_for("grey@far.example") or {}).get("answer"))
answer = [r["answer"] for w in outbox() for r in w["recipients"] if r.get("answer")][0]
check("greylisted" in answer and answer.startswith("450 4.7.1"), f"answer is {answer}")
(WORK / "access").write_text("")
os.kill(int((WORK / "spool/pid/master.pid").read_text()), signal.SIGHUP)
posthorn("outbox", "retry", "all")
wait("it arrives", lambda: any(b"Subject: grey" in f.read_bytes() for f in arrived("grey")))

step("a server that is not there; another domain is not held up")
send("x@down.example", "down")
send("anna@far.example", "up")
wait("the other arrives", lambda: len(arrived("anna")) == 2)
wait("the first waits", lambda: "connect" in waits_for("x@down.example").get("answer", ""))
number = [w["number"] for w in outbox() if w["recipients"][0]["address"] == "x@down.example"][0]
check("is withdrawn" in posthorn("outbox", "cancel", str(number)), "cancel failed")

step("smarthost: STARTTLS and its certificate")
posthorn("smarthost", "set", "smtp.provider.example:587")
said = posthorn("smarthost", "test")
check("works" in said and "TLS 1.3" in said, said)
send("anna@far.example", "by smarthost")
wait("it arrives", lambda: len(arrived("anna")) == 3)
posthorn("smarthost", "set", "wrong.provider.example:587")
check("certificate" in posthorn("smarthost", "test", ok=False), "a wrong certificate is not named")
send("anna@far.example", "waits for a certificate")
wait("it waits", lambda: "certificate" in (waits_for("anna@far.example") or {}).get("answer", ""))
posthorn("smarthost", "set", "smtp.provider.example:587")
wait("it leaves when the name is right", lambda: len(arrived("anna")) == 4)

step("smarthost: its login")
LOGIN = ["--user", "alice", "--password-stdin"]
posthorn("smarthost", "set", "smtp.provider.example", *LOGIN, stdin="not the password\n")
said = posthorn("smarthost", "test", ok=False)
check("refuses the login of alice" in said and "not the password" not in said, said)
send("anna@far.example", "waits for a password")
wait("it waits", lambda: "refuses the login" in (waits_for("anna@far.example") or {}).get("answer", ""))
for mechanism in ("CRAM-MD5", "LOGIN", "PLAIN"):
    posthorn("smarthost", "set", "smtp.provider.example", "--mechanism", mechanism, *LOGIN, stdin="the password of alice at her provider\n")
    check("TLS 1.3" in posthorn("smarthost", "test"), f"{mechanism} does not work")
wait("it leaves when the password is right", lambda: len(arrived("anna")) == 5)

step("smarthost: OpenSMTPD, in the clear because the owner says so")
posthorn("smarthost", "set", "smtp.open.example:587", "--security", "none")
send("zoe@anywhere.example", "by open")
wait("it arrives", lambda: len(arrived("zoe")) == 1)
posthorn("smarthost", "set", "smtp.provider.example:587")

step("scheduled by moving a draft, and taken back")
m = imap()
draft = b"From: alice@mailbox.local\r\nTo: anna@far.example\r\nBcc: grey@far.example\r\nSubject: scheduled\r\n\r\nlater\r\n"
check(m.append("Drafts", "\\Draft", None, draft)[0] == "OK", "append failed")
m.select("Drafts")
check(m._simple_command("MOVE", "1", '"Outbox/Tomorrow 08:00"')[0] == "OK", "move failed")
check(len(texts("Outbox/Tomorrow 08:00")) == 1, "it is not scheduled")
m.select('"Outbox/Tomorrow 08:00"')
check(m._simple_command("MOVE", "1", "Drafts")[0] == "OK", "move failed")
check(not texts("Outbox/Tomorrow 08:00"), "it is still scheduled")
m.select("Drafts")
check(m._simple_command("MOVE", "1", "Outbox")[0] == "OK", "move failed")
m.logout()
wait("it is sent, and kept in Sent", lambda: len(arrived("anna")) == 6 and any(b"scheduled" in f.read_bytes() for f in arrived("grey")) and any(t["Subject"] == "scheduled" for t in texts("Sent")))
check(b"Bcc" not in arrived("anna")[-1].read_bytes(), "the blind copy was told")

step("what was scheduled for a minute later leaves at its time")
wait("it arrives", lambda: arrived("many"), 90)
took = arrived("many")[0].stat().st_mtime - scheduled
check(60 <= took < 120, f"it left after {took:.1f} s")
print(f"   arrived after {took:.1f} s")
check(not outbox(), "something still waits")

end()
