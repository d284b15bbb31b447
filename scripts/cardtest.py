"""A card image in QEMU, and the mail programs of a household, for scripts/test-*."""

import imaplib
import os
import pathlib
import poplib
import re
import signal
import smtplib
import ssl
import subprocess
import tempfile
import time
import urllib.request

OFFSET = int(os.environ.get("PORT_OFFSET", "4000"))
START = 240  # seconds a start may take on a busy computer
USER, PASSWORD = "anna", "correct horse 42"
SETTINGS = f'[[account]]\nname = "{USER}"\npassword = "{PASSWORD}" # mine\n'
HERE = pathlib.Path(__file__).parent
FAT1 = 4 << 20  # where p1 starts


class Box:
    """A card in a board that is switched on.

    A probe, a program, runs inside once the box has started; what else is
    named goes to scripts/qemu-boot. The time counts from QEMU's start.
    """

    running = None

    def __init__(self, image, work, probe=None, **environment):
        self.image, self.serial, self.pidfile = image, work / "serial", work / "pid"
        self.pidfile.unlink(missing_ok=True)
        self.serial.unlink(missing_ok=True)
        env = dict(os.environ, SERIAL=str(self.serial), PIDFILE=str(self.pidfile), **environment)
        if probe:
            (work / "probe").write_text(probe)
            env["PROBE"] = str(work / "probe")
        Box.running = self
        self.process = subprocess.Popen([HERE / "qemu-boot", image, str(OFFSET)], env=env)
        while not self.number() and self.process.poll() is None:
            time.sleep(0.01)
        self.began = time.monotonic()

    def number(self):
        """The number of QEMU's process, another one after a restart."""
        return self.pidfile.read_text() if self.pidfile.exists() else ""

    def wait(self):
        """Waits for SMTP to greet and the page to say that all is well."""
        smtp = None
        while time.monotonic() - self.began < START:
            if self.process.poll() is not None:
                raise Failure("QEMU ended")
            try:
                if smtp is None:
                    smtplib.SMTP("127.0.0.1", 25 + OFFSET, timeout=10).quit()
                    smtp = time.monotonic() - self.began
                self.get("/healthz")
                return smtp
            except (OSError, smtplib.SMTPException):
                time.sleep(0.3)
        raise Failure("the box does not come up")

    def says(self, pattern, seconds=START):
        """Waits for the console to show a line; returns the match and the time it took."""
        while time.monotonic() - self.began < seconds:
            if self.process.poll() is not None:
                raise Failure("QEMU ended")
            if self.serial.exists() and (m := re.search(pattern, self.serial.read_text(errors="replace"))):
                return m, time.monotonic() - self.began
            time.sleep(0.02)
        raise Failure(f"the console does not show {pattern!r}")

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{80 + OFFSET}{path}", timeout=30) as r:
            return r.read()

    def cut(self):
        """Pulls the plug."""
        os.kill(int(self.pidfile.read_text()), signal.SIGKILL)
        self.process.wait()

    def imap(self):
        context = ssl.create_default_context(cadata=self.get("/ca.pem").decode())
        c = imaplib.IMAP4_SSL("127.0.0.1", 993 + OFFSET, ssl_context=context, timeout=60)
        c.login(USER, PASSWORD)
        return c

    def pop3(self):
        context = ssl.create_default_context(cadata=self.get("/ca.pem").decode())
        c = poplib.POP3_SSL("127.0.0.1", 995 + OFFSET, context=context, timeout=60)
        c.user(USER)
        c.pass_(PASSWORD)
        return c


class Failure(Exception):
    """The image does not do what it should."""


def deliver(subject, size=2000):
    """Hands in one message; it is acknowledged when this returns."""
    with smtplib.SMTP("127.0.0.1", 25 + OFFSET, timeout=60) as c:
        text = f"From: door@example.org\r\nTo: {USER}@mailbox.local\r\nSubject: {subject}\r\n\r\n"
        c.sendmail("door@example.org", [f"{USER}@mailbox.local"], text + "0123456789abcdef\r\n" * (size // 18))


def subjects(box):
    """The subjects of all mail there is."""
    c = box.imap()
    c.select("INBOX", readonly=True)
    found = set()
    for part in c.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]:
        if isinstance(part, tuple):
            found.add(re.sub(rb"^Subject: ", b"", part[1]).strip().decode())
    c.logout()
    return found


def prepare(image, work):
    """A card for one test, with an account to be made at the first start."""
    card = work / "card.img"
    subprocess.run(["cp", "--sparse=always", image, card], check=True)
    os.truncate(card, 2 << 30)
    (work / "posthorn.toml").write_text(SETTINGS)
    subprocess.run(["mcopy", "-o", "-i", f"{card}@@{FAT1}", work / "posthorn.toml", "::"], check=True)
    return card


def run(test):
    """Runs a test in a folder of its own; returns the exit status."""
    with tempfile.TemporaryDirectory(prefix="posthorn-") as name:
        work = pathlib.Path(name)
        try:
            test(work)
        except (Failure, OSError, subprocess.CalledProcessError, smtplib.SMTPException, imaplib.IMAP4.error, poplib.error_proto) as e:
            if (work / "serial").exists():
                print((work / "serial").read_text(errors="replace")[-8000:])
            print("FAILED:", e or repr(e), flush=True)
            return 1
        finally:
            if Box.running and Box.running.process.poll() is None:
                Box.running.cut()
    return 0
