"""Talks to a box with Python's own mail libraries.

Usage: test-clients.py CA OFFSET PASSWORD
       test-clients.py CA OFFSET PASSWORD compare MAILDIR ACCOUNT

The first form sends and reads mail, and has IDLE show mail within a second.
The second compares a tree of Maildirs with the account's mailboxes: which
messages there are, and their flags.
"""

import imaplib
import os
import poplib
import re
import select
import smtplib
import ssl
import sys
import time
from email.message import EmailMessage

ca, offset, password = sys.argv[1], int(sys.argv[2]), sys.argv[3]
context = ssl.create_default_context(cafile=ca)


def imap(user):
    m = imaplib.IMAP4_SSL("127.0.0.1", 993 + offset, ssl_context=context)
    m.login(user, password)
    return m


def send(subject):
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "bob@mailbox.local", "alice@mailbox.local", subject
    mail.set_content("Grüße aus Python\n")
    mail.add_attachment(os.urandom(100_000), maintype="application", subtype="octet-stream", filename="größe.bin")
    with smtplib.SMTP("127.0.0.1", 587 + offset) as s:
        s.starttls(context=context)
        s.login("bob", password)
        s.send_message(mail)


def try_everything():
    m = imap("alice")
    m.select("INBOX")
    tag = m._new_tag()  # imaplib learned IDLE in 3.14 only
    m.send(tag + b" IDLE\r\n")
    assert m.readline().startswith(b"+"), "IDLE is not taken"
    send("idle ümlaut")
    sent = time.monotonic()
    line = b""
    while b"EXISTS" not in line:
        if not m.sock.pending():
            assert select.select([m.sock], [], [], 20)[0], "IDLE shows nothing"
        line = m.readline()
    waited = time.monotonic() - sent
    print("IDLE showed the mail %.0f ms after it was accepted" % (waited * 1000))
    assert waited < 1, "that is more than a second"
    m.send(b"DONE\r\n")
    while not m.readline().startswith(tag):
        pass

    _, found = m.uid("SEARCH", "CHARSET", "UTF-8", "SUBJECT", '"idle"')
    uid = found[0].split()[-1]
    _, data = m.uid("FETCH", uid, "(FLAGS BODYSTRUCTURE BODY.PEEK[])")
    assert b"octet-stream" in b"".join(p if isinstance(p, bytes) else p[0] for p in data).lower()
    assert "Grüße aus Python".encode() in data[0][1] or b"R3LDvMOfZQ" in data[0][1] or b"Gr=C3=BC=C3=9Fe" in data[0][1]
    m.create("Vögel".encode("utf-7").decode().replace("+", "&"))
    assert m.uid("COPY", uid, "Archive")[0] == "OK"
    assert m.uid("STORE", uid, "+FLAGS", "(\\Deleted)")[0] == "OK"
    assert m.expunge()[0] == "OK"
    m.append("Drafts", "(\\Draft)", imaplib.Time2Internaldate(time.time()), b"Subject: draft\r\n\r\nlater\r\n")
    _, status = m.status("Drafts", "(MESSAGES UIDNEXT)")
    assert b"MESSAGES 1" in status[0], status
    m.logout()

    p = poplib.POP3_SSL("127.0.0.1", 995 + offset, context=context)
    p.user("alice")
    p.pass_(password)
    count, _ = p.stat()
    assert count == len(p.uidl()[1]) and count >= 4
    p.retr(count)
    p.top(1, 2)
    p.quit()


def kept(text):
    """The flags both ends know of a message."""
    return "".join(sorted(text))


def compare(maildir, user):
    here = {}
    for at, _, files in os.walk(maildir):
        folder, sub = os.path.split(at)
        if sub in ("cur", "new"):
            for name in files:
                with open(os.path.join(at, name), "rb") as f:
                    found = re.search(rb"^Subject: (.*?)\r?$", f.read(), re.M | re.I)
                flags = name.partition(":2,")[2]
                here.setdefault(os.path.relpath(folder, maildir), []).append((found[1].decode(), kept(flags)))
    there = {}
    m = imap(user)
    letters = {b"\\Draft": "D", b"\\Flagged": "F", b"\\Answered": "R", b"\\Seen": "S"}
    for line in m.list()[1]:
        name = re.search(rb'"/" "?([^"]*)"?$', line)[1].decode()
        if m.select('"%s"' % name, readonly=True)[1] == [b"0"]:
            continue
        for item in m.fetch("1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]:
            if isinstance(item, tuple):
                subject = re.search(rb"Subject: (.*?)\r\n", item[1], re.I)[1].decode()
                flags = "".join(letter for flag, letter in letters.items() if flag in item[0])
                there.setdefault(name, []).append((subject, kept(flags)))
    m.logout()
    for name in sorted(here.keys() | there.keys()):
        a, b = sorted(here.get(name, [])), sorted(there.get(name, []))
        assert a == b, "%s: %d messages here, %d there; first difference %s" % (
            name, len(a), len(b), [p for p in zip(a, b) if p[0] != p[1]][:1])
    print("%d messages in %d mailboxes are the same at both ends" % (sum(map(len, here.values())), len(here)))


if len(sys.argv) > 4:
    compare(sys.argv[5], sys.argv[6])
else:
    try_everything()
