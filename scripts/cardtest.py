"""A card image in QEMU, and the mail programs of a household, for scripts/test-*."""

import hashlib
import imaplib
import mailbox
import os
import pathlib
import poplib
import random
import re
import shutil
import signal
import smtplib
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

OFFSET = int(os.environ.get("PORT_OFFSET", "4000"))
START = 480  # seconds a start may take on a busy computer
USER, PASSWORD = "anna", "correct horse 42"
SETTINGS = f'[[account]]\nname = "{USER}"\npassword = "{PASSWORD}" # mine\n'
HERE = pathlib.Path(__file__).parent
FAT1 = 4 << 20  # where p1 starts


class Failure(Exception):
    """The image does not do what it should."""


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
        env = dict(os.environ, SERIAL=str(self.serial), PIDFILE=str(self.pidfile), TMPDIR=str(work), **environment)
        if probe:
            (work / "probe").write_text(probe)
            env["PROBE"] = str(work / "probe")
        Box.running = self
        # A session of its own: what plays the firmware and QEMU die together.
        self.process = subprocess.Popen([HERE / "qemu-boot", image, str(OFFSET)], env=env, start_new_session=True)
        while not self.number() and self.process.poll() is None:
            time.sleep(0.01)
        self.began = time.monotonic()

    def number(self):
        """The number of QEMU's process, another one after a restart."""
        return self.pidfile.read_text() if self.pidfile.exists() else ""

    def console(self):
        return self.serial.read_text(errors="replace") if self.serial.exists() else ""

    def wait(self):
        """Waits for SMTP to greet and the page to say that all is well."""
        smtp = None
        while time.monotonic() - self.began < START:
            self.check_runs()
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
        while not (m := re.search(pattern, self.console())):
            self.check_runs()
            if time.monotonic() - self.began > seconds:
                raise Failure(f"the console does not show {pattern!r}")
            time.sleep(0.02)
        return m, time.monotonic() - self.began

    def check_runs(self):
        if self.process.poll() is not None:
            raise Failure("QEMU ended")

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{80 + OFFSET}{path}", timeout=30) as r:
            return r.read()

    def cut(self):
        """Pulls the plug."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def imap(self, password=PASSWORD):
        context = ssl.create_default_context(cadata=self.get("/ca.pem").decode())
        c = imaplib.IMAP4_SSL("127.0.0.1", 993 + OFFSET, ssl_context=context, timeout=60)
        c.login(USER, password)
        return c

    def pop3(self):
        context = ssl.create_default_context(cadata=self.get("/ca.pem").decode())
        c = poplib.POP3_SSL("127.0.0.1", 995 + OFFSET, context=context, timeout=60)
        c.user(USER)
        c.pass_(PASSWORD)
        return c


def text(subject):
    """The body of a message, which its subject tells: 1 to 60 kB, whole if it is this."""
    chance = random.Random(subject)
    line = hashlib.sha256(subject.encode()).hexdigest()
    return "".join(f"{i} {line}\r\n" for i in range(chance.choice((15, 15, 40, 100, 800))))


def deliver(subject):
    """Hands in one message; it is acknowledged when this returns."""
    with smtplib.SMTP("127.0.0.1", 25 + OFFSET, timeout=60) as c:
        head = f"From: door@example.org\r\nTo: {USER}@mailbox.local\r\nSubject: {subject}\r\n\r\n"
        c.sendmail("door@example.org", [f"{USER}@mailbox.local"], head + text(subject))


class Clients:
    """Clients that deliver until they are told to stop; acknowledged(subject) is
    called for each message the box has said 250 to."""

    def __init__(self, name, acknowledged, count=4):
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(f"{name}, client {i}", acknowledged)) for i in range(count)]
        for t in self.threads:
            t.start()

    def run(self, name, acknowledged):
        n = 0
        while not self.stopped.is_set():
            subject = f"{name}, mail {n}"
            try:
                deliver(subject)
            except (OSError, smtplib.SMTPException):
                time.sleep(0.05)
                continue
            acknowledged(subject)
            n += 1

    def stop(self):
        self.stopped.set()
        for t in self.threads:
            t.join()


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
    copy(image, card)
    os.truncate(card, 2 << 30)
    (work / "posthorn.toml").write_text(SETTINGS)
    subprocess.run(["mcopy", "-o", "-i", f"{card}@@{FAT1}", work / "posthorn.toml", "::"], check=True)
    return card


def copy(source, target):
    subprocess.run(["cp", "--sparse=always", source, target], check=True)


def build(work):
    """The program for this computer, which reads a card's mail."""
    program = work / "posthorn"
    subprocess.run(["go", "build", "-o", program, "./cmd/posthorn"], check=True, cwd=HERE.parent)
    return program


def data_partition(card):
    """Where on a card p4 starts, and its length to the card's end, which it is
    grown to at the first start; in octets."""
    with open(card, "rb") as f:
        start = struct.unpack_from("<I", f.read(512), 446 + 3 * 16 + 8)[0] * 512
    return start, os.path.getsize(card) - start


def take_partition(card, out):
    """Copies p4 into a file, as sparse as it is on the card."""
    start, length = data_partition(card)
    with open(card, "rb") as source, open(out, "wb") as target:
        target.truncate(length)
        at = start
        while True:
            try:
                at = os.lseek(source.fileno(), at, os.SEEK_DATA)
            except OSError:  # no data beyond
                return
            end = min(os.lseek(source.fileno(), at, os.SEEK_HOLE), start + length)
            while at < end:
                at += os.copy_file_range(source.fileno(), target.fileno(), end - at, at, at - start)


def repair(partition):
    """Repairs a data partition as a card's start script does."""
    if subprocess.run(["/sbin/e2fsck", "-p", partition], capture_output=True).returncode >= 4:
        done = subprocess.run(["/sbin/e2fsck", "-y", partition], capture_output=True, text=True)
        if done.returncode >= 4:
            raise Failure("the file system can't be repaired: " + done.stdout[-500:])


def mail_on(partition, work, program):
    """Repairs a data partition, checks the store on it and returns the subjects
    of the mail there, of which each is whole. None if there is no store yet."""
    repair(partition)
    shutil.rmtree(work, ignore_errors=True)
    (work / "out").mkdir(parents=True)
    subprocess.run(["/sbin/debugfs", "-R", f"rdump /mail {work}", partition], check=True, capture_output=True)
    data = work / "mail"
    if not (data / "store").exists():
        return None

    def posthorn(*args):
        done = subprocess.run([program, *args, "--data", data], capture_output=True, text=True)
        if done.returncode:
            raise Failure(f"posthorn {' '.join(map(str, args))}: {done.stdout}{done.stderr}")
        return done.stdout

    posthorn("check")
    if f'"name": "{USER}"' not in posthorn("account", "list", "--json"):
        return set()
    posthorn("export", "mbox", work / "out", "--account", USER, "--mailbox", "INBOX")
    found = set()
    for path in (work / "out").rglob("*"):
        if path.is_file():
            for m in mailbox.mbox(path, create=False):
                if m.get_payload().splitlines() != text(m["Subject"]).splitlines():
                    raise Failure(f"the message {m['Subject']!r} is not whole")
                if m["Subject"] in found:
                    raise Failure(f"the message {m['Subject']!r} is there twice")
                found.add(m["Subject"])
    shutil.rmtree(work)
    return found


REGISTRY = "/mail/store/KEYREGISTRY"  # without which no store is opened


def debugfs(card, *requests):
    """Changes files of p4 from outside."""
    start, _ = data_partition(card)
    for request in requests:
        subprocess.run(["/sbin/debugfs", "-w", "-R", request, f"{card}?offset={start}"], check=True, capture_output=True)


def damage_store(card, work):
    """Makes a card's store one that can't be opened."""
    start, _ = data_partition(card)
    # Its journal would undo what is changed from outside.
    subprocess.run(["/sbin/e2fsck", "-p", f"{card}?offset={start}"], capture_output=True)
    (work / "garbage").write_text("garbage\n")
    debugfs(card, f"dump {REGISTRY} {work / 'registry'}", f"rm {REGISTRY}", f"write {work / 'garbage'} {REGISTRY}")


def mend_store(card, work):
    """Undoes damage_store."""
    start, _ = data_partition(card)
    subprocess.run(["/sbin/e2fsck", "-p", f"{card}?offset={start}"], capture_output=True)
    debugfs(card, f"rm {REGISTRY}", f"write {work / 'registry'} {REGISTRY}")


def lost(wanted, found):
    """Fails unless all that was acknowledged is there."""
    missing = set(wanted) - (found or set())
    if missing:
        raise Failure(f"{len(missing)} of {len(wanted)} acknowledged messages are lost, such as {min(missing)!r}")


def run(test):
    """Runs a test in a folder of its own; returns the exit status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # not without its QEMU
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
