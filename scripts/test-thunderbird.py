"""Drives Thunderbird through Marionette: sets up an account in its Account Hub
as a person does, then reads, sends, makes folders and waits for new mail.

    test-thunderbird.py imap|pop3|untrusted WORK PICTURES PASSWORD

Runs in a network namespace where the box is mailbox.local; see
scripts/test-thunderbird."""

import email.utils
import imaplib
import json
import os
import re
import shutil
import smtplib
import socket
import ssl
import subprocess
import sys
import time
import urllib.request

way, work, pictures, password = sys.argv[1:]
HOST, ALICE, BOB = "mailbox.local", "alice@mailbox.local", "bob@mailbox.local"


class Marionette:
    """Mozilla's remote control: a length, a colon and JSON, both ways."""

    def __init__(self):
        self.socket = until(60, "Thunderbird to listen", self.connect)
        self.file, self.last = self.socket.makefile("rb"), 0
        self.receive()
        self.call("WebDriver:NewSession")
        self.call("Marionette:SetContext", value="chrome")

    def connect(self):
        try:
            return socket.create_connection(("127.0.0.1", 2828), 120)
        except OSError:
            return None

    def receive(self):
        size = b""
        while not size.endswith(b":"):
            byte = self.file.read(1)
            if not byte:
                raise EOFError("Thunderbird closed the connection")
            size += byte
        return json.loads(self.file.read(int(size[:-1])))

    def call(self, name, **arguments):
        self.last += 1
        text = json.dumps([0, self.last, name, arguments]).encode()
        self.socket.sendall(b"%d:%s" % (len(text), text))
        _, _, error, answer = self.receive()
        if error:
            raise RuntimeError("%s: %s" % (name, error["message"]))
        return answer

    def run(self, script, *arguments):
        """Runs JavaScript with the window's and the application's objects."""
        prelude = """
            const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
            const all = (root, out = []) => {
              for (const e of root.querySelectorAll("*")) {
                out.push(e);
                const shadow = e.openOrClosedShadowRoot;
                if (shadow) all(shadow, out);
              }
              return out;
            };
            const shown = e => e.getClientRects().length > 0 && e.checkVisibility();
            const find = selector => all(document).find(e => e.matches(selector) && shown(e));
            const windows = () => [...Services.wm.getEnumerator(null)];
            const server = () => MailServices.accounts.accounts.map(a => a.incomingServer)
              .find(s => s.type == "imap" || s.type == "pop3");
            const inbox = () => server().rootFolder.getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox);
        """
        return self.call("WebDriver:ExecuteScript", script=prelude + script, args=list(arguments), sandbox="system")["value"]

    def fill(self, selector, text):
        until(30, "a field " + selector, lambda: self.run(
            """const e = find(arguments[0]);
               if (!e) return false;
               e.focus();
               e.value = arguments[1];
               for (const kind of ["input", "change"]) e.dispatchEvent(new Event(kind, { bubbles: true, composed: true }));
               return true;""", selector, text))

    def press(self, selector, limit=30):
        until(limit, "a button " + selector, lambda: self.run(
            "const e = find(arguments[0]); if (!e || e.disabled) return false; e.click(); return true;", selector))

    def windows(self):
        return self.run("return windows().map(w => [w.location.href, w.document.documentElement.textContent.replace(/\\s+/g, ' ').trim().slice(0, 2000)]);")


def until(limit, what, ready):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        value = ready()
        if value:
            return value
        time.sleep(0.2)
    picture("stuck")
    sys.exit("not within %d s: %s" % (limit, what))


def say(text):
    print("%6.1f  %s" % (time.monotonic() - began, text), flush=True)


def picture(name):
    global count
    count += 1
    subprocess.run(["import", "-window", "root", "%s/%s-%d-%s.png" % (pictures, way, count, name)], check=False)


def deliver(subject):
    """Mail from another device of the household, on port 25."""
    with smtplib.SMTP(HOST) as smtp:
        smtp.sendmail("scanner@example.com", [ALICE], "From: scanner@example.com\r\nTo: %s\r\nSubject: %s\r\n\r\nThe page that was scanned.\r\n" % (ALICE, subject))


def other_client(user):
    """Another mail program, that trusts the box's authority."""
    imap = imaplib.IMAP4_SSL(HOST, ssl_context=ssl.create_default_context(cafile=work + "/ca.pem"))
    imap.login(user, password)
    return imap


def subjects(user, mailbox="INBOX"):
    with other_client(user) as imap:
        imap.select(mailbox, readonly=True)
        _, found = imap.search(None, "ALL")
        out = []
        for number in found[0].split():
            _, data = imap.fetch(number, "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
            out.append(data[0][1].decode().split(":", 1)[1].strip())
        return out


def start():
    """A fresh profile, on a screen of its own."""
    profile, home = work + "/profile-" + way, work + "/home-" + way
    for directory in (profile, home):
        os.makedirs(directory)
    for name in ("crt", "pem"):
        urllib.request.urlretrieve("http://%s/ca.%s" % (HOST, name), work + "/ca." + name)
    with open(profile + "/user.js", "w") as prefs:
        prefs.write('user_pref("mailnews.start_page.enabled", false);\n')  # it is on the Internet
    if way != "untrusted":
        subprocess.run(["certutil", "-N", "-d", "sql:" + profile, "--empty-password"], check=True)
        subprocess.run(["certutil", "-A", "-n", "the box", "-t", "C,,", "-d", "sql:" + profile, "-i", work + "/ca.crt"], check=True)
    os.environ.update(HOME=home, DISPLAY=":%d" % (100 + os.getpid() % 500))
    jobs = [subprocess.Popen(["Xvfb", os.environ["DISPLAY"], "-screen", "0", "1280x900x24", "-nolisten", "tcp"], stderr=subprocess.DEVNULL)]
    until(20, "Xvfb", lambda: os.path.exists("/tmp/.X11-unix/X" + os.environ["DISPLAY"][1:]))
    jobs.append(subprocess.Popen(["openbox"], stderr=subprocess.DEVNULL))
    jobs.append(subprocess.Popen(["thunderbird", "-profile", profile, "-marionette", "-remote-allow-system-access"],
                                 stdout=subprocess.DEVNULL, stderr=open(work + "/thunderbird-" + way + ".log", "w")))
    return jobs


def dialogs(m):
    """Windows that are neither the main one nor a message being written."""
    usual = ("messenger.xhtml", "messengercompose.xhtml", "hiddenWindowMac", "about:blank")
    return [w for w in m.windows() if not any(u in w[0] for u in usual)]


def set_up(m):
    """The Account Hub, as it stands open at the first start."""
    m.fill("#realName", "Alice")
    m.fill("#email", ALICE)
    m.press("#forward")
    until(30, "the settings to be found", lambda: m.run("return !!find('#imap');"))
    say("settings found")
    if way == "pop3":
        m.press("#pop3 input, #pop3")
        time.sleep(0.5)
    picture("found")
    m.press("#forward")
    m.fill("input[type=password]", password)
    m.press("#forward")
    if way == "untrusted":
        exception(m, "login")
    until(60, "the account", lambda: m.run("return MailServices.accounts.accounts.some(a => /imap|pop3/.test(a.incomingServer?.type));"))
    say("account added")
    if way == "untrusted":
        exception(m, "address-book")
    until(60, "the end of the set-up", lambda: m.run("return /Finish/.test(find('#forward')?.textContent);"))
    picture("added")
    m.press("#forward")


def exception(m, when):
    """The dialog a person sees without the box's authority."""
    seen = until(60, "a certificate dialog", lambda: [w for w in m.windows() if "exceptionDialog" in w[0]])
    time.sleep(2)
    picture("exception-at-" + when)
    say("dialog: " + seen[0][1][:300])
    m.run("""const w = windows().find(w => w.location.href.includes("exceptionDialog"));
             w.setTimeout(() => w.document.querySelector("dialog").getButton("extra1").click(), 0);""")
    until(20, "the dialog to close", lambda: not any("exceptionDialog" in w[0] for w in m.windows()))


def show_newest(m):
    m.run("""const pane = document.getElementById("tabmail").currentAbout3Pane;
             pane.displayFolder(inbox().URI);""")
    until(20, "the list of messages", lambda: m.run(
        "const p = document.getElementById('tabmail').currentAbout3Pane; if (!p.gDBView?.rowCount) return false; p.threadTree.selectedIndex = 0; return true;"))
    subject = until(20, "a message on the screen", lambda: m.run(
        "return document.getElementById('tabmail').currentAboutMessage?.document.getElementById('expandedsubjectBox')?.textContent.trim();"))
    say("message shown: " + re.sub(r"\s+", " ", subject))


def send(m, subject):
    m.run("""const fields = Cc["@mozilla.org/messengercompose/composefields;1"].createInstance(Ci.nsIMsgCompFields);
             fields.to = arguments[0];
             fields.subject = arguments[1];
             fields.body = "It works.";
             const params = Cc["@mozilla.org/messengercompose/composeparams;1"].createInstance(Ci.nsIMsgComposeParams);
             params.composeFields = fields;
             params.type = Ci.nsIMsgCompType.New;
             params.format = Ci.nsIMsgCompFormat.PlainText;
             params.identity = MailServices.accounts.accounts.find(a => a.incomingServer == server()).defaultIdentity;
             MailServices.compose.OpenComposeWindowWithParams(null, params);""", BOB, subject)
    until(30, "the window to write in", lambda: m.run(
        "return windows().some(w => w.location.href.includes('messengercompose') && w.gMsgCompose && w.gComposeType !== undefined && w.document.readyState == 'complete' && !w.document.getElementById('button-send').disabled);"))
    time.sleep(1)
    picture("writing")
    m.run("const w = windows().find(w => w.location.href.includes('messengercompose')); w.setTimeout(() => w.goDoCommand('cmd_sendNow'), 0);")


def count_messages(m):
    return m.run("return inbox() ? inbox().getTotalMessages(false) : -1;")


def use(m):
    """Everything a trusted box must do without a word."""
    if way == "pop3":
        m.run("inbox().getNewMessages(windows().find(w => w.location.href.includes('messenger.xhtml')).msgWindow, null);")
    until(30, "the first message", lambda: count_messages(m) >= 1)
    show_newest(m)
    picture("reading")

    send(m, "by Thunderbird, " + way)
    until(30, "the message at its recipient", lambda: "by Thunderbird, " + way in subjects("bob"))
    say("message sent and arrived")
    until(30, "the window to close", lambda: not m.run("return windows().some(w => w.location.href.includes('messengercompose'));"))

    before = count_messages(m)
    deliver("second page, " + way)
    if way == "pop3":
        m.run("inbox().getNewMessages(windows().find(w => w.location.href.includes('messenger.xhtml')).msgWindow, null);")
    sent = time.monotonic()
    until(20, "new mail", lambda: count_messages(m) > before)
    say("new mail shown after %.1f s" % (time.monotonic() - sent))
    if way == "imap":
        if "by Thunderbird, imap" not in until(20, "a copy in Sent", lambda: subjects("alice", "Sent")):
            sys.exit("the message is not in Sent")
        m.run("server().rootFolder.createSubfolder('Holiday 2027', null);")
        def folders():
            with other_client("alice") as imap:
                return [line.decode() for line in imap.list()[1]]
        until(20, "the folder in another program", lambda: any('"Holiday 2027"' in f for f in folders()))
        say("folder seen by another program")
        with other_client("alice") as imap:
            imap.create("Made-elsewhere")
            imap.subscribe("Made-elsewhere")
        m.run("server().performExpand(null);")
        until(30, "the other program's folder", lambda: m.run("return server().rootFolder.subFolders.some(f => f.name == 'Made-elsewhere');"))
        say("the other program's folder seen")
        schedule(m)
        not_delivered(m)
    else:
        if subjects("alice")[-1] != "second page, pop3":
            sys.exit("POP3 took the messages off the box")
    time.sleep(2)
    picture("end")
    left = dialogs(m)
    if left:
        sys.exit("a dialog nobody should have to understand: %s" % left)


def posthorn(*arguments, text=""):
    return subprocess.run([work + "/posthorn", *arguments, "--data", work + "/data"], input=text, text=True, check=True, capture_output=True).stdout


def waiting():
    return json.loads(posthorn("outbox", "list", "--json"))


def not_delivered(m):
    """A notice, as somebody sees it who has scheduled a message for a person
    who is gone by then."""
    posthorn("account", "add", "carol", "--password-stdin", text=password)
    with smtplib.SMTP_SSL(HOST, 465, context=ssl.create_default_context(cafile=work + "/ca.pem")) as smtp:
        smtp.login("alice", password)
        when = email.utils.formatdate(time.time() + 3)
        smtp.sendmail(ALICE, ["carol@" + HOST], "From: %s\r\nTo: carol@%s\r\nSubject: to Carol\r\nX-Send-At: %s\r\n\r\nHello!\r\n" % (ALICE, HOST, when))
    posthorn("account", "remove", "carol")
    before = count_messages(m)
    until(60, "the notice", lambda: count_messages(m) > before)
    m.run("document.getElementById('tabmail').currentAbout3Pane.displayFolder(inbox().URI);")
    shown = until(30, "the notice on the screen", lambda: m.run(
        """const tab = document.getElementById('tabmail');
           const view = tab.currentAbout3Pane?.gDBView;
           if (!view?.rowCount) return "";
           for (let i = 0; i < view.rowCount; i++)
             if (view.getMsgHdrAt(i).mime2DecodedSubject.startsWith("Not delivered")) {
               if (tab.currentAbout3Pane.threadTree.selectedIndex != i) tab.currentAbout3Pane.threadTree.selectedIndex = i;
               const text = tab.currentAboutMessage?.getMessagePaneBrowser()?.contentDocument?.body?.textContent ?? "";
               return text.includes("carol@") ? text : "";
             }
           return "";"""))
    for want in ("could not be delivered", "There is no mailbox with this address", "Final-Recipient: rfc822; carol@" + HOST, "Action: failed"):
        if want not in shown:
            sys.exit("the notice on the screen lacks “%s”: %s" % (want, shown))
    time.sleep(1)
    picture("not-delivered")
    say("notice shown: " + " ".join(shown.split())[:100])


def move(m, source, target):
    """Drags the only message of a mailbox to another."""
    until(60, "a message in " + source, lambda: m.run(
        """const at = path => path.split("/").reduce((f, name) => f?.subFolders.find(s => s.name == name), server().rootFolder);
           const [from, to] = [...arguments].slice(0, 2).map(at);
           if (!from || !to) return false;
           from.updateFolder(windows().find(w => w.location.href.includes('messenger.xhtml')).msgWindow);
           const list = [...from.messages];
           if (list.length != 1) return false;
           MailServices.copy.copyMessages(from, list, to, true, null, windows().find(w => w.location.href.includes('messenger.xhtml')).msgWindow, true);
           return true;""", source, target))


def schedule(m):
    """A draft is dragged to where it will be sent tomorrow, and taken back."""
    posthorn("sending", "direct")
    later = "Outbox/Tomorrow 08:00"
    def there():
        with other_client("alice") as imap:
            return any(later in line.decode() for line in imap.list()[1])
    until(90, "the mailboxes below Outbox", there)
    with other_client("alice") as imap:
        imap.append("Drafts", "\\Draft", None, ("From: %s\r\nTo: someone@far.example\r\nSubject: for tomorrow\r\n\r\nGood morning!\r\n" % ALICE).encode())
    def folders():
        m.run("server().performExpand(null);")
        time.sleep(1)
        return m.run("return server().rootFolder.subFolders.find(f => f.name == 'Outbox')?.subFolders.some(f => f.name == 'Tomorrow 08:00');")
    until(60, "Outbox in Thunderbird", folders)
    move(m, "Drafts", later)
    found = until(30, "the message to be scheduled", waiting)
    if not found[0]["scheduled"] or found[0]["recipients"][0]["address"] != "someone@far.example" or subjects("alice", '"%s"' % later) != ["for tomorrow"]:
        sys.exit("scheduled is %s" % found)
    say("draft scheduled for " + found[0]["due"])
    m.run("""const outbox = server().rootFolder.subFolders.find(f => f.name == 'Outbox');
             document.getElementById('tabmail').currentAbout3Pane.displayFolder(outbox.subFolders.find(f => f.name == 'Tomorrow 08:00').URI);""")
    time.sleep(3)
    picture("scheduled")
    move(m, later, "Drafts")
    until(30, "the message to be taken back", lambda: not waiting())
    until(30, "the draft", lambda: subjects("alice", "Drafts") == ["for tomorrow"])
    say("taken back: a draft again")


def struggle(m):
    """What a person sees who did not fetch the certificate."""
    until(30, "the first message", lambda: count_messages(m) >= 1)
    say("reading works after the exception")
    send(m, "untrusted")
    words = until(60, "a complaint", lambda: m.run(
        "return windows().find(w => w.location.href.includes('commonDialog'))?.document.getElementById('infoBody')?.textContent;"))
    time.sleep(1)
    picture("sending-fails")
    say("sending: " + " ".join(words.split()))
    # The page that helps must answer in the words that were just seen.
    with urllib.request.urlopen("http://%s/connect/thunderbird" % HOST) as page:
        help_text = page.read().decode()
    for seen in ("Add Security Exception", "issuer is not recognized"):
        if seen not in help_text:
            sys.exit("the connect page does not speak of “%s”" % seen)
    if "issuer is not recognized" not in words:
        sys.exit("Thunderbird says something else now: " + words)
    if "untrusted" in subjects("bob"):
        sys.exit("the message was sent all the same")


began, count = time.monotonic(), 0
deliver("first page, " + way)
jobs = start()
try:
    marionette = Marionette()
    say("Thunderbird " + marionette.run("return Services.appinfo.version;"))
    set_up(marionette)
    struggle(marionette) if way == "untrusted" else use(marionette)
    say("done: " + way)
finally:
    for job in reversed(jobs):
        job.terminate()
        try:
            job.wait(20)
        except subprocess.TimeoutExpired:
            job.kill()
            job.wait()
    shutil.rmtree(work + "/profile-" + way, ignore_errors=True)
