"""Fills a box's disk with mail, makes room, and goes on.

Usage: test-full.py OFFSET
"""

import base64
import imaplib
import os
import poplib
import smtplib
import ssl
import sys
import time

offset = int(sys.argv[1])
context = ssl._create_unverified_context()
PASSWORD = "a password for tests"
BODY = 1 << 20  # octets that do not compress
AGAIN = 180  # seconds within which deletion must have made room


def deliver(number):
    body = base64.encodebytes(os.urandom(BODY * 3 // 4)).decode().replace("\n", "\r\n")
    with smtplib.SMTP("127.0.0.1", 25 + offset, timeout=60) as s:
        s.sendmail("test@example.com", ["alice@mailbox.local"], "Subject: %d\r\n\r\n%s" % (number, body))


def fill(limit):
    for number in range(limit):
        try:
            deliver(number)
        except smtplib.SMTPResponseException as e:
            return number, e.smtp_code, e.smtp_error.decode()
        except smtplib.SMTPRecipientsRefused as e:
            code, text = next(iter(e.recipients.values()))
            return number, code, text.decode()
    raise SystemExit("FAILED: %d messages fit on a disk that should be full" % limit)


def imap():
    m = imaplib.IMAP4_SSL("127.0.0.1", 993 + offset, ssl_context=context)
    m.login("alice", PASSWORD)
    m.select("INBOX")
    return m


number, code, text = fill(1000)
print("%d messages of %d octets fit; then: %d %s" % (number, BODY, code, text))
assert code == 452, "a full disk is answered with %d, want 452" % code
assert number >= 20, "only %d messages fit" % number

m = imap()  # logging in goes on
for _ in range(20):  # what was given up on refusal may have left room for one more
    status, answer = m.append("INBOX", None, None, b"Subject: x\r\n\r\n" + os.urandom(BODY).hex().encode())
    if status == "NO":
        break
assert status == "NO", "APPEND works on a full disk"
print("APPEND: NO", answer[0].decode())
m.select("INBOX")
_, data = m.fetch("1,%d" % number, "(BODY.PEEK[])")
assert all(len(p[1]) > BODY for p in data if isinstance(p, tuple)), "a message is not whole"
assert m.store("1", "+FLAGS", "(\\Seen)")[0] == "OK", "flags can't be set on a full disk"
p = poplib.POP3_SSL("127.0.0.1", 995 + offset, context=context)
p.user("alice")
p.pass_(PASSWORD)
assert len(p.retr(1)[1]) > 1000
p.quit()

assert m.store("1:%d" % (number - 5), "+FLAGS.SILENT", "(\\Deleted)")[0] == "OK"
assert m.expunge()[0] == "OK", "deletion does not work on a full disk"
m.logout()
start = time.time()
while True:
    try:
        deliver(0)
        break
    except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused) as e:
        if time.time() - start > AGAIN:
            raise SystemExit("FAILED: no room %d s after %d messages were deleted: %s" % (AGAIN, number - 5, e))
        time.sleep(1)
print("mail flows again %.0f s after the deletion" % (time.time() - start))
m = imap()
_, found = m.search(None, "ALL")
assert found[0].split()[0] == b"1" and len(found[0].split()) < 30, "INBOX has %s" % found
m.logout()
