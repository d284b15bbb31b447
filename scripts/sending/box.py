"""A box in its network namespace, as the parts of scripts/test-sending use it."""

import email
import email.policy
import imaplib
import json
import os
import signal
import smtplib
import ssl
import subprocess
import sys
import time
from pathlib import Path

POSTHORN, WORK = "build/posthorn", Path(os.environ["WORK"])
DATA = WORK / "data"
PASSWORD = "a password for tests"
LOG = open(WORK / "box.log", "ab")
running = None


def start():
    """Starts the box and waits until it serves."""
    global running
    running = subprocess.Popen([POSTHORN, "serve", "--data", DATA, "--no-mdns", "--display", "none", "--led", "none"],
                           stdout=LOG, stderr=LOG)
    (WORK / "box.pid").write_text(f"{running.pid}\n")
    for _ in range(600):
        try:
            smtplib.SMTP("127.0.0.1", 25, timeout=5).quit()
            return running
        except OSError:
            time.sleep(0.05)
    sys.exit("the box did not start")


def fresh(way):
    """Starts a box with alice, whose mail leaves at once."""
    start()
    posthorn("account", "add", "alice", "--password-stdin", stdin=PASSWORD)
    posthorn("account", "undo", "alice", "0s")
    if way:
        posthorn("sending", way)


def posthorn(*args, stdin="", ok=True):
    p = subprocess.run([POSTHORN, *args, "--data", DATA], input=stdin, capture_output=True, text=True)
    if ok and p.returncode != 0:
        fail(f"posthorn {' '.join(args)}: {p.stderr}")
    return p.stdout + p.stderr


def fail(text):
    print("FAILED:", text, file=sys.stderr)
    LOG.flush()
    print("\n".join((WORK / "box.log").read_text(errors="replace").splitlines()[-15:]), file=sys.stderr)
    if running:
        running.kill()
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


def login():
    """A session in which alice submits."""
    s = smtplib.SMTP_SSL("127.0.0.1", 465, context=context(), timeout=60)
    s.login("alice", PASSWORD)
    return s


def send(to, subject="hello", header="", body="body", options=()):
    with login() as s:
        s.sendmail("alice@mailbox.local", to if isinstance(to, list) else [to],
                   f"From: alice@mailbox.local\r\nTo: {to}\r\nSubject: {subject}\r\n{header}\r\n{body}\r\n".encode(), options)


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


def waits_for(recipient):
    """What is known of a recipient whose message waits, or None."""
    for m in outbox():
        for r in m["recipients"]:
            if r["address"] == recipient:
                return r


def arrived(name):
    """What has come for somebody at Postfix or OpenSMTPD."""
    return sorted((WORK / "mail" / name / "new").glob("*"))


def wait(what, is_so, seconds=60):
    end = time.time() + seconds
    while time.time() < end:
        if is_so():
            return
        time.sleep(0.1)
    fail(f"waited in vain: {what}; outbox: {outbox()}")


def report(subject):
    """Waits for the notice about a message and takes it apart as a delivery report (RFC 3464)."""
    wait(f"a notice about {subject}", lambda: any(subject in t["Subject"] for t in texts("INBOX")))
    notice = [t for t in texts("INBOX") if subject in t["Subject"]][-1]
    check(notice.get_content_type() == "multipart/report" and notice.get_param("report-type") == "delivery-status", "the notice is no report")
    words, status, header = list(notice.iter_parts())
    check(words.get_content_type() == "text/plain" and status.get_content_type() == "message/delivery-status" and not notice.defects,
          f"the notice is {notice.as_string()}")
    check(f"Subject: {subject}" in header.as_string(), "the header is missing")
    fields = status.get_payload()
    check("Reporting-MTA" in fields[0], "the report does not say whose it is")
    return notice, words.get_content(), fields[1:]


def end():
    """Stops the box and looks through its store."""
    step("the store is sound")
    running.send_signal(signal.SIGTERM)
    check(running.wait(30) == 0, "the box did not stop cleanly")
    check(": 0 problems" in posthorn("check"), "the store has problems")
    print("all is well", flush=True)
