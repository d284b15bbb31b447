"""What scripts/test-sending does inside the box's network namespace."""

import email
import email.policy
import imaplib
import json
import os
import random
import signal
import smtplib
import ssl
import subprocess
import sys
import time
from pathlib import Path

POSTHORN, WORK, CUTS = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
DATA = WORK / "data"
PASSWORD = "a password for tests"
LOG = open(WORK / "box.log", "ab")
box = None


def start():
    """Starts the box and waits until it serves."""
    global box
    box = subprocess.Popen([POSTHORN, "serve", "--data", DATA, "--no-mdns", "--display", "none", "--led", "none"],
                           stdout=LOG, stderr=LOG)
    (WORK / "box.pid").write_text(f"{box.pid}\n")
    for _ in range(200):
        try:
            smtplib.SMTP("127.0.0.1", 25, timeout=5).quit()
            return
        except OSError:
            time.sleep(0.05)
    sys.exit("the box did not start")


def posthorn(*args, stdin="", ok=True):
    p = subprocess.run([POSTHORN, *args, "--data", DATA], input=stdin, capture_output=True, text=True)
    if ok and p.returncode != 0:
        fail(f"posthorn {' '.join(args)}: {p.stderr}")
    return p.stdout + p.stderr


def fail(text):
    print("FAILED:", text, file=sys.stderr)
    LOG.flush()
    print("\n".join((WORK / "box.log").read_text(errors="replace").splitlines()[-15:]), file=sys.stderr)
    if box:
        box.kill()
    sys.exit(1)


def check(is_so, text):
    if not is_so:
        fail(text)


def step(text):
    print("==", text, flush=True)


def context():
    c = ssl.create_default_context()
    c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
    return c


def send(to, subject="hello", header=""):
    with smtplib.SMTP_SSL("127.0.0.1", 465, context=context()) as s:
        s.login("alice", PASSWORD)
        s.sendmail("alice@mailbox.local", [to], f"From: alice@mailbox.local\r\nTo: {to}\r\nSubject: {subject}\r\n{header}\r\nbody\r\n")


def imap():
    m = imaplib.IMAP4_SSL("127.0.0.1", 993, ssl_context=context())
    m.login("alice", PASSWORD)
    return m


def texts(mailbox):
    """Every message of one of alice's mailboxes."""
    m = imap()
    m.select(f'"{mailbox}"', readonly=True)
    _, data = m.fetch("1:*", "(BODY.PEEK[])")
    m.logout()
    return [email.message_from_bytes(d[1], policy=email.policy.default) for d in data if isinstance(d, tuple)]


def outbox():
    return json.loads(posthorn("outbox", "list", "--json"))


def arrived(name):
    return sorted((WORK / "mail" / name / "new").glob("*"))


def wait(what, is_so, seconds=30):
    end = time.time() + seconds
    while time.time() < end:
        if is_so():
            return
        time.sleep(0.1)
    fail(f"waited in vain: {what}; outbox: {outbox()}")


step("a box, an account, no way out yet")
start()
posthorn("account", "add", "alice", "--password-stdin", stdin=PASSWORD)
try:
    send("anna@far.example")
    fail("mail for elsewhere was taken without a way out")
except smtplib.SMTPRecipientsRefused as e:
    check(b"posthorn smarthost set" in e.recipients["anna@far.example"][1], f"refusal does not say what to do: {e}")

step("direct: the domain's own server, with the undo time")
posthorn("sending", "direct")
begun = time.time()
send("anna@far.example", "direct")
check(len(outbox()) == 1 and len(texts("Outbox")) == 1, "the message is not in Outbox")
wait("the message arrives", lambda: len(arrived("anna")) == 1, 60)
took = time.time() - begun
check(29 < took < 45, f"the undo time was {took:.1f} s")
check(b"Return-Path" not in arrived("anna")[0].read_bytes().split(b"Received:", 1)[1], "our Return-Path went along")
check("TLS" in (WORK / "postfix.log").read_text() or b"ESMTPS" in arrived("anna")[0].read_bytes(), "TLS was offered and not taken")
wait("Outbox is empty", lambda: not outbox() and not texts("Outbox"))
print(f"   arrived after {took:.1f} s")

step("withdrawn in Outbox")
send("anna@far.example", "withdrawn")
m = imap()
m.select("Outbox")
m.store("1", "+FLAGS", "\\Deleted")
check(m.expunge()[0] == "OK", "expunge failed")
m.logout()
check(outbox() == [], "the withdrawn message still waits")

step("a refused recipient: what the sender finds")
posthorn("account", "undo", "alice", "0s")
send("nobody@far.example", "refused")
wait("a notice comes", lambda: len(texts("INBOX")) == 1)
notice = texts("INBOX")[0]
check(notice.get_content_type() == "multipart/report" and notice.get_param("report-type") == "delivery-status", "the notice is no report")
words, status, header = list(notice.iter_parts())
check("There is no mailbox with this address" in words.get_content(), f"words are {words.get_content()!r}")
fields = [p for p in status.get_payload()]
check(fields[1]["Action"] == "failed" and fields[1]["Status"] == "5.1.1" and fields[1]["Final-Recipient"].endswith("nobody@far.example"),
      f"status is {fields[1].items()}")
check("Subject: refused" in header.as_string(), "the header is missing")
wait("Outbox is empty", lambda: not outbox())

step("greylisting: 4xx, then 2xx")
send("grey@far.example", "grey")
wait("an attempt fails", lambda: outbox() and outbox()[0]["recipients"][0].get("attempts") == 1)
answer = outbox()[0]["recipients"][0]["answer"]
check("greylisted" in answer and answer.startswith("450 4.7.1"), f"answer is {answer}")
(WORK / "access").write_text("")
os.kill(int((WORK / "spool/pid/master.pid").read_text()), signal.SIGHUP)
posthorn("outbox", "retry", "all")
wait("it arrives", lambda: len(arrived("grey")) == 1)

step("a server that is not there; another domain is not held up")
send("x@down.example", "down")
send("anna@far.example", "up")
wait("the other arrives", lambda: len(arrived("anna")) == 2)
wait("the first waits", lambda: "connect" in outbox()[0]["recipients"][0].get("answer", ""), 60)
check("is withdrawn" in posthorn("outbox", "cancel", str(outbox()[0]["number"])), "cancel failed")

step("smarthost: STARTTLS and its certificate")
posthorn("smarthost", "set", "smtp.provider.example:587")
said = posthorn("smarthost", "test")
check("works" in said and "TLS 1.3" in said, said)
send("anna@far.example", "by smarthost")
wait("it arrives", lambda: len(arrived("anna")) == 3)
posthorn("smarthost", "set", "wrong.provider.example:587")
check("certificate" in posthorn("smarthost", "test", ok=False), "a wrong certificate is not named")
send("anna@far.example", "waits for a certificate")
wait("it waits", lambda: "certificate" in outbox()[0]["recipients"][0].get("answer", ""))
posthorn("smarthost", "set", "smtp.provider.example:587")
wait("it leaves when the name is right", lambda: len(arrived("anna")) == 4)

step("scheduled by moving a draft, and taken back")
m = imap()
draft = b"From: alice@mailbox.local\r\nTo: anna@far.example\r\nBcc: grey@far.example\r\nSubject: scheduled\r\n\r\nlater\r\n"
check(m.append("Drafts", "\\Draft", None, draft)[0] == "OK", "append failed")
m.select("Drafts")
check(m._simple_command("MOVE", "1", '"Outbox/Tomorrow 08:00"')[0] == "OK", "move failed")
check(len(outbox()) == 1 and outbox()[0]["scheduled"], "it is not scheduled")
m.select('"Outbox/Tomorrow 08:00"')
check(m._simple_command("MOVE", "1", "Drafts")[0] == "OK", "move failed")
check(outbox() == [], "it is still scheduled")
m.select("Drafts")
check(m._simple_command("MOVE", "1", "Outbox")[0] == "OK", "move failed")
m.logout()
wait("it is sent, and kept in Sent", lambda: len(arrived("anna")) == 5 and len(arrived("grey")) == 2 and len(texts("Sent")) == 1)
check(b"Bcc" not in arrived("anna")[-1].read_bytes(), "the blind copy was told")

if CUTS:
    step(f"power cuts while {CUTS} messages leave")
    taken, cuts, n = [], 0, 0
    while len(taken) < CUTS or outbox():
        deadline = time.time() + random.uniform(0.02, 0.4)
        while time.time() < deadline and len(taken) < CUTS:
            n += 1
            send("many@far.example", f"number {n}")
            taken.append(n)
        if len(taken) < CUTS or random.random() < 0.3:
            box.send_signal(signal.SIGKILL)
            box.wait()
            cuts += 1
            start()
        else:
            time.sleep(0.5)
    subjects = [email.message_from_bytes(f.read_bytes())["Subject"] for f in arrived("many")]
    lost = [i for i in taken if f"number {i}" not in subjects]
    LOG.flush()
    uncertain = (WORK / "box.log").read_text(errors="replace").count("may arrive twice")
    doubles = len(subjects) - len(set(subjects))
    print(f"   {len(taken)} messages, {cuts} cuts: {len(lost)} lost, {doubles} doubles, {uncertain} cut off before the answer")
    check(not lost, f"lost: {lost}")
    check(doubles <= uncertain, "more doubles than deliveries cut off between the final dot and its answer")

step("the store is sound")
box.send_signal(signal.SIGTERM)
check(box.wait(15) == 0, "the box did not stop cleanly")
check(": 0 problems" in posthorn("check"), "the store has problems")
print("all is well")
