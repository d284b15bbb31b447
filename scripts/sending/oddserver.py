"""Mail servers that misbehave, each at an address of its own, and one that
counts. Runs beside real servers in the world of scripts/test-sending.

    oddserver.py WORK ADDRESS=KIND...

What arrives goes to WORK/mail/NAME/new, as with the real servers. KIND is
"good", the name of a phase in which the server falls silent, or one of the
functions below.
"""

import itertools
import os
import socket
import ssl
import sys
import threading
import time
from pathlib import Path

WORK = Path(sys.argv[1])
PHASES = "connect greeting ehlo starttls mail rcpt data text dot auth".split()
numbers, count, lock = itertools.count(), 0, threading.Lock()
cut = set()  # servers that have broken a connection


class Session:
    """One connection. What answers a command is a method with its name."""

    extensions = ["PIPELINING", "8BITMIME", "SIZE 50000000", "STARTTLS"]

    def __init__(self, conn, kind):
        self.conn, self.kind = conn, kind
        self.file = conn.makefile("rb")
        self.rcpts = []
        if kind == "notls":
            self.extensions = ["SIZE 50000000", "8BITMIME"]
        elif kind == "plain":
            self.extensions = ["SIZE 50000000"]
        elif kind == "auth":
            self.extensions = ["AUTH CRAM-MD5"]
        if kind in PHASES and kind != "starttls":
            self.extensions = [e for e in self.extensions if e != "STARTTLS"]

    def say(self, text):
        self.conn.sendall(text.encode() + b"\r\n")

    def silence(self, phase):
        """Takes what comes and says nothing more, if this is the phase for it."""
        while self.kind == phase:
            if not self.conn.recv(65536):
                raise EOFError

    def run(self):
        self.silence("greeting")
        self.say("220 odd.example ESMTP")
        while line := self.file.readline().decode().strip():
            verb, _, rest = line.partition(" ")
            self.silence(verb.lower())
            getattr(self, verb.lower(), self.unknown)(rest)

    def unknown(self, rest):
        self.say("502 5.5.1 what?")

    def ehlo(self, rest):
        self.say("\r\n".join(["250-odd.example"] + ["250-" + e for e in self.extensions] + ["250 HELP"]))

    def starttls(self, rest):
        if self.kind == "badtls":
            return self.say("454 4.7.0 TLS is broken today")
        self.say("220 go on")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(WORK / "cert.pem", WORK / "key.pem")  # for another name
        self.conn = context.wrap_socket(self.conn, server_side=True)
        self.file = self.conn.makefile("rb")

    def mail(self, rest):
        self.rcpts = []
        self.say("250 2.1.0 fine")

    def rcpt(self, rest):
        name = rest[rest.index("<") + 1:rest.index("@")]
        if name.startswith("nobody"):
            return self.say("550 5.1.1 there is no such mailbox")
        if name.startswith("later"):
            return self.say("450 4.2.1 that mailbox is busy")
        self.rcpts.append(name)
        self.say("250 2.1.5 fine")

    def data(self, rest):
        if not self.rcpts:
            return self.say("554 5.5.1 nobody to send it to")
        self.say("354 go on")
        self.silence("text")
        if self.kind == "cuttext" and self.first():
            self.file.read(50)
            raise EOFError
        text = b""
        while (line := self.file.readline()) != b".\r\n":
            if not line:
                raise EOFError
            text += line.removeprefix(b".")
        self.silence("dot")
        if self.kind == "content":
            return self.say("554 5.7.1 that looks like spam")
        if self.kind == "count":
            with lock:
                global count
                count += 1
            return self.say("250 2.0.0 counted")
        for name in self.rcpts:
            directory = WORK / "mail" / name / "new"
            directory.mkdir(parents=True, exist_ok=True)
            (directory / f"{time.time():.6f}.{next(numbers)}").write_bytes(
                (f"X-TLS: {isinstance(self.conn, ssl.SSLSocket)}\r\n").encode() + text)
        if self.kind == "cutdot" and self.first():
            raise EOFError  # it has the message and does not say so
        self.say("250 2.0.0 taken")

    def first(self):
        """Tells whether this server has not broken a connection yet."""
        if self.kind in cut:
            return False
        cut.add(self.kind)
        return True

    def rset(self, rest):
        self.say("250 2.0.0 fine")

    def quit(self, rest):
        self.say("221 2.0.0 bye")
        raise EOFError


def serve(address, kind):
    listener = socket.create_server((address, 25), backlog=0 if kind == "connect" else 100)
    if kind == "connect":  # the kernel's queue is full and nobody empties it
        full = [socket.socket() for _ in range(3)]
        for s in full:
            s.setblocking(False)
            s.connect_ex((address, 25))
        time.sleep(1e9)
    while True:
        conn, _ = listener.accept()
        threading.Thread(target=session, args=(conn, kind), daemon=True).start()


def session(conn, kind):
    s = Session(conn, kind)
    try:
        s.run()
    except (EOFError, OSError):
        pass
    for c in (conn, s.conn):
        try:
            c.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        c.close()


for argument in sys.argv[2:]:
    address, kind = argument.split("=")
    threading.Thread(target=serve, args=(address, kind), daemon=True).start()
while True:
    time.sleep(0.2)
    (WORK / "count.new").write_text(str(count))
    os.rename(WORK / "count.new", WORK / "sink.count")
