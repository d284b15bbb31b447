"""Servers that break connections, take some recipients only, have no or broken
encryption, or refuse a message when they have seen it."""

import subprocess
import time

from box import *

fresh("direct")

step("some recipients are taken, one is refused, one is to come later")
send(["some1@some.odd.example", "nobody@some.odd.example", "later@some.odd.example"], "for three")
wait("it arrives", lambda: len(arrived("some1")) == 1)
_, words, fields = report("for three")
check([f["Final-Recipient"] for f in fields] == ["rfc822; nobody@some.odd.example"] and fields[0]["Status"] == "5.1.1", f"status is {fields}")
check("later@" not in words and "some1@" not in words, words)
r = waits_for("later@some.odd.example")
check(r["state"] == "waiting" and r["answer"] == "450 4.2.1 that mailbox is busy", f"{r}")
check([t["Subject"] for t in texts("Outbox")] == ["for three"], "Outbox does not show it")
posthorn("outbox", "retry", "all")
wait("another attempt", lambda: waits_for("later@some.odd.example")["attempts"] == 2)
check(len(arrived("some1")) == 1, "who has it got it again")
posthorn("outbox", "cancel", str(outbox()[0]["number"]))

step("the connection breaks in the text: it is sent again, and arrives once")
send("cut1@cuttext.odd.example", "cut in the text")
wait("it waits", lambda: "broke" in (waits_for("cut1@cuttext.odd.example") or {}).get("answer", ""))
check(not arrived("cut1"), "half a message arrived")
posthorn("outbox", "retry", "all")
wait("it arrives", lambda: len(arrived("cut1")) == 1 and not outbox())

step("the connection breaks after the final dot: it arrives twice, and the log says why")
send("cut2@cutdot.odd.example", "cut at the dot")
wait("it waits", lambda: "before the server said that it has it" in (waits_for("cut2@cutdot.odd.example") or {}).get("answer", ""))
posthorn("outbox", "retry", "all")
wait("it arrives", lambda: len(arrived("cut2")) == 2 and not outbox())

step("refused after the text")
send("x@content.odd.example", "like spam")
_, words, fields = report("like spam")
check(fields[0]["Status"] == "5.7.1" and fields[0]["Diagnostic-Code"] == "smtp; 554 5.7.1 that looks like spam", f"status is {fields[0].items()}")
check("does not want this message" in words, words)

step("no encryption, broken encryption, another's certificate: a domain's own server gets it all the same")
for kind, encrypted in (("notls", False), ("badtls", False), ("wrongcert", True)):
    send(f"{kind}@{kind}.odd.example", kind)
    wait(f"it arrives at {kind}", lambda: arrived(kind))
    check(arrived(kind)[0].read_text().startswith(f"X-TLS: {encrypted}\n"), f"{kind}: {arrived(kind)[0].read_text()[:20]}")

step("text beyond ASCII for a server without 8BITMIME")
send("plain@plain.odd.example", "plain", "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n", "Grüße aus dem Süden")
wait("it arrives", lambda: arrived("plain"))
m = email.message_from_bytes(arrived("plain")[0].read_bytes(), policy=email.policy.default)
check(m["Content-Transfer-Encoding"] == "quoted-printable" and m.get_content().strip() == "Grüße aus dem Süden", m.as_string())
send("plain@plain.odd.example", "signed", "MIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=b\r\n", "--b\r\n\r\nGrüße\r\n--b\r\n\r\nx\r\n--b--")
_, words, fields = report("signed")
check(fields[0]["Status"] == "5.6.3" and "a part of it is signed" in words, words)

step("encryption all the way is demanded (REQUIRETLS)")
for kind, status in (("notls", "5.7.30"), ("wrongcert", "5.7.10")):
    send(f"{kind}@{kind}.odd.example", f"secret for {kind}", options=["REQUIRETLS"])
    _, words, fields = report(f"secret for {kind}")
    check(fields[0]["Status"] == status and "may travel encrypted only" in words, f"{fields[0].items()}")

step("a smarthost without encryption, or with broken encryption, gets nothing")
for kind, says in (("notls", "offers no encryption"), ("badtls", "TLS is broken today"), ("wrongcert", "certificate can't be trusted")):
    posthorn("smarthost", "set", f"{kind}.odd.example:25")
    said = posthorn("smarthost", "test", ok=False)
    check(says in said, said)
    send("x@anywhere.example", f"not by {kind}")
    wait("it waits", lambda: says in (waits_for("x@anywhere.example") or {}).get("answer", ""))
    posthorn("outbox", "cancel", str(outbox()[0]["number"]))

step("the cable is out for a while: what could not leave leaves when it is in again")
posthorn("sending", "direct")
subprocess.run(["ip", "link", "set", "veth0", "down"], check=True)
send("cable@good.odd.example", "cable")
for attempt in range(1, 6):  # so that the next one would be in a quarter of an hour
    wait("an attempt", lambda: (waits_for("cable@good.odd.example") or {}).get("attempts") == attempt)
    if attempt < 5:
        posthorn("outbox", "retry", "all")
time.sleep(6)  # the box looks every five seconds
subprocess.run(["ip", "link", "set", "veth0", "up"], check=True)
wait("it arrives", lambda: arrived("cable"))
end()
