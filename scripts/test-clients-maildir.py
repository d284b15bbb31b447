"""Makes a tree of Maildirs: 2,000 messages in 12 folders, nested, with flags.

Usage: test-clients-maildir.py DIR
"""

import os
import random
import sys
import time

FOLDERS = ["INBOX", "tree", "tree/folder1", "tree/folder2", "tree/folder1/deep",
           "tree/folder1/deep/deeper", "work", "work/2024", "work/2025",
           "work/2025/trips", "family", "family/photos"]

random.seed(1)
root = sys.argv[1]
for folder in FOLDERS:
    for sub in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(root, folder, sub))
start = int(time.time()) - 2000 * 60
for i in range(2000):
    folder = FOLDERS[i % len(FOLDERS)]
    flags = "".join(f for f in "DFRS" if random.random() < 0.3)
    path = os.path.join(root, folder, "cur", "%d.M%dP1.test:2,%s" % (start + i * 60, i, flags))
    body = "".join("line %d of message %d\n" % (n, i) for n in range(random.choice((3, 30, 300))))
    with open(path, "w") as f:
        f.write("From: sender%d@example.com\nTo: bob@mailbox.local\nSubject: message %d\n"
                "Message-ID: <%d@clients.test>\nDate: %s\n\n%s" % (
                    i % 7, i, i, time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(start + i * 60)), body))
    os.utime(path, (start + i * 60,) * 2)
