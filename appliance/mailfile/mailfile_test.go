package mailfile

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"posthorn/store"
)

// collected is a message as a test compares it.
type collected struct {
	mailbox  string
	flags    store.Flags
	keywords []string
	received time.Time
	body     string
}

func readAll(t *testing.T, f Format, path string) (list []collected, folders []string) {
	t.Helper()
	octets := int64(0)
	err := f.Read(path, Visitor{
		Folder:  func(name string) error { folders = append(folders, name); return nil },
		Skipped: func(path string, err error) { t.Errorf("%s skipped: %v", path, err) },
		Message: func(m *Message) error {
			b, err := io.ReadAll(m.Body)
			octets += m.Octets
			list = append(list, collected{m.Mailbox, m.Flags, m.Keywords, m.Received, string(b)})
			return err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if size := treeSize(t, path); octets > size || octets == 0 && len(list) > 0 {
		t.Errorf("messages are said to take %d octets of %d", octets, size)
	}
	return list, folders
}

func treeSize(t *testing.T, path string) (octets int64) {
	err := filepath.WalkDir(path, func(_ string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode().IsRegular() {
			octets += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return octets
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestMbox(t *testing.T) {
	for _, tc := range []struct {
		name, file string
		want       []collected
	}{
		{"two messages", "From a@b Thu Jan  1 00:00:10 1970\nSubject: 1\n\none\n\nFrom a@b Thu Jan  1 00:00:20 1970\nSubject: 2\n\ntwo\n\n",
			[]collected{{received: time.Unix(10, 0), body: "Subject: 1\r\n\r\none\r\n"}, {received: time.Unix(20, 0), body: "Subject: 2\r\n\r\ntwo\r\n"}}},
		{"CRLF, no end", "From - Thu Jan  1 00:00:10 1970\r\nA: 1\r\n\r\none\r\n\r\nFrom - Thu Jan  1 00:00:20 1970\r\nA: 2\r\n\r\ntwo",
			[]collected{{received: time.Unix(10, 0), body: "A: 1\r\n\r\none\r\n"}, {received: time.Unix(20, 0), body: "A: 2\r\n\r\ntwo"}}},
		{"a sentence is no separator", "From a Thu Jan  1 00:00:10 1970\n\nhi\n\nFrom here to there.\n\n>From quoted\n>>From twice\n",
			[]collected{{received: time.Unix(10, 0), body: "\r\nhi\r\n\r\nFrom here to there.\r\n\r\nFrom quoted\r\n>From twice\r\n"}}},
		{"separator needs an empty line", "From a Thu Jan  1 00:00:10 1970\n\nhi\nFrom a Thu Jan  1 00:00:20 1970\n",
			[]collected{{received: time.Unix(10, 0), body: "\r\nhi\r\nFrom a Thu Jan  1 00:00:20 1970\r\n"}}},
		{"flags", "From a Thu Jan  1 00:00:10 1970\nStatus: RO\nX-Status: AF\nSubject: s\nX-Keywords: work\n  $Junk\nX-UID: 7\n\nb\n",
			[]collected{{flags: store.Seen | store.Answered | store.Flagged, keywords: []string{"work"}, received: time.Unix(10, 0), body: "Subject: s\r\n\r\nb\r\n"}}},
		{"thunderbird", "From - Thu Jan  1 00:00:10 1970\nX-Mozilla-Status: 1005\nX-Mozilla-Status2: 00000000\nX-Mozilla-Keys: $label1 tag   \nSubject: s\n\nb\n\nFrom - Thu Jan  1 00:00:20 1970\nX-Mozilla-Status: 0009\n\ndeleted\n\nFrom - Thu Jan  1 00:00:30 1970\nX-Mozilla-Status: 0000\n\nlast\n",
			[]collected{{flags: store.Seen | store.Flagged, keywords: []string{"$Forwarded", "$label1", "tag"}, received: time.Unix(10, 0), body: "Subject: s\r\n\r\nb\r\n"},
				{received: time.Unix(30, 0), body: "\r\nlast\r\n"}}},
		{"header alone, then the next", "From a Thu Jan  1 00:00:10 1970\nSubject: s\n\nFrom a Thu Jan  1 00:00:20 1970\nSubject: t\n",
			[]collected{{received: time.Unix(10, 0), body: "Subject: s\r\n"}, {received: time.Unix(20, 0), body: "Subject: t\r\n"}}},
		{"empty", "", nil},
		{"dates", "From x Mon Nov 23 10:00:00 +0100 2026\n\na\n\nFrom x Mon Nov 23 09:00:00 2026\n\nb\n",
			[]collected{{received: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC), body: "\r\na\r\n"}, {received: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC), body: "\r\nb\r\n"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "in.mbox")
			put(t, path, tc.file)
			got, _ := readAll(t, Mbox, path)
			compare(t, got, tc.want)
		})
	}
}

func compare(t *testing.T, got, want []collected) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d messages, want %d: %+v", len(got), len(want), got)
	}
	for i := range got {
		g, w := got[i], want[i]
		if g.mailbox != w.mailbox || g.flags != w.flags || !slices.Equal(g.keywords, w.keywords) || !g.received.Equal(w.received) || g.body != w.body {
			t.Errorf("message %d is\n%.500q %v %q %v, want\n%.500q %v %q %v", i,
				g.body, g.flags, g.keywords, g.received, w.body, w.flags, w.keywords, w.received)
		}
	}
}

func TestLongLinesInAnMbox(t *testing.T) {
	long := strings.Repeat("x", 3*bufSize) // a blank line inside a buffer's edge is one all the same
	path := filepath.Join(t.TempDir(), "in")
	put(t, path, "From a Thu Jan  1 00:00:10 1970\n\n"+long+"\n\nFrom b Thu Jan  1 00:00:20 1970\n\n"+long)
	got, _ := readAll(t, Mbox, path)
	compare(t, got, []collected{{received: time.Unix(10, 0), body: "\r\n" + long + "\r\n"}, {received: time.Unix(20, 0), body: "\r\n" + long}})
}

func TestNoMbox(t *testing.T) {
	path := filepath.Join(t.TempDir(), "photo.jpg")
	put(t, path, "\xff\xd8\xff")
	if err := Mbox.Read(path, Visitor{}); err == nil || !strings.Contains(err.Error(), "no mbox") {
		t.Errorf("a photo was read as mail: %v", err)
	}
	if err := Format("pst").Read(path, Visitor{}); err == nil {
		t.Error("an unknown format was read")
	}
}

func TestFoldersOfMboxes(t *testing.T) {
	dir := t.TempDir()
	one := "From a Thu Jan  1 00:00:10 1970\n\nx\n"
	for _, name := range []string{"Inbox", "Inbox.msf", "Archive.sbd/2024", "Trips/Rome.mbox", "b&APY-s.mbox"} {
		text := one
		if strings.HasSuffix(name, ".msf") {
			text = "// an index"
		}
		put(t, filepath.Join(dir, name), text)
	}
	_, folders := readAll(t, Mbox, dir)
	slices.Sort(folders)
	if want := []string{"Archive/2024", "Inbox", "Trips/Rome", "bös"}; !slices.Equal(folders, want) {
		t.Errorf("folders are %q, want %q", folders, want)
	}
}

func TestMaildir(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "cur/1.x:2,FS"), "A: 1\n\none\n")
	put(t, filepath.Join(dir, "new/2.x"), "A: 2\n\ntwo\n")
	put(t, filepath.Join(dir, "tmp/3.x"), "half a mess")
	put(t, filepath.Join(dir, ".Archive.b&APY-s/cur/4.x:2,DPRTab"), "A: 4\r\n\r\nfour\r\n")
	put(t, filepath.Join(dir, ".Archive.b&APY-s/dovecot-keywords"), "0 work\n1 $Junk\n")
	put(t, filepath.Join(dir, "Trips/Rome/new/5.x"), "A: 5\n")
	put(t, filepath.Join(dir, "notes/readme"), "no mail")
	for i, name := range []string{"cur/1.x:2,FS", "new/2.x", ".Archive.b&APY-s/cur/4.x:2,DPRTab", "Trips/Rome/new/5.x"} {
		if err := os.Chtimes(filepath.Join(dir, name), time.Time{}, time.Unix(int64(100+i), 0)); err != nil {
			t.Fatal(err)
		}
	}
	got, folders := readAll(t, Maildir, dir)
	slices.SortFunc(got, func(a, b collected) int { return a.received.Compare(b.received) })
	compare(t, got, []collected{
		{"", store.Flagged | store.Seen, nil, time.Unix(100, 0), "A: 1\r\n\r\none\r\n"},
		{"", 0, nil, time.Unix(101, 0), "A: 2\r\n\r\ntwo\r\n"},
		{"Archive/bös", store.Draft | store.Answered | store.Deleted, []string{"$Forwarded", "work", "$Junk"}, time.Unix(102, 0), "A: 4\r\n\r\nfour\r\n"},
		{"Trips/Rome", 0, nil, time.Unix(103, 0), "A: 5\r\n"},
	})
	slices.Sort(folders)
	if want := []string{"", "Archive/bös", "Trips/Rome"}; !slices.Equal(folders, want) {
		t.Errorf("folders are %q, want %q", folders, want)
	}
}

// What was written comes back the same, whatever is in it.
func TestRoundTrip(t *testing.T) {
	want := []collected{
		{"", store.Seen, []string{"$Forwarded", "work"}, time.Unix(1000, 0), "Subject: s\r\n\r\nFrom here\r\n>From there\r\n\r\nFrom a Thu Jan  1 00:00:10 1970\r\n\r\n"},
		{"", store.Draft | store.Deleted, nil, time.Unix(2000, 0), "Subject: no body\r\n"},
		{"A/with.dots/..", store.Answered | store.Flagged, nil, time.Unix(3000, 0), "Subject: s\r\n\r\nbare \r inside\r\n"},
		{"Ünï & co", 0, []string{"a", "b"}, time.Unix(4000, 0), "\r\n" + strings.Repeat("long ", 40000) + "\r\n"},
	}
	for _, f := range []Format{Mbox, Maildir} {
		t.Run(string(f), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "out")
			write := func() (written int) {
				w, err := f.NewWriter(dir)
				if err != nil {
					t.Fatal(err)
				}
				last := "none"
				for i, c := range append(want, collected{mailbox: "Empty"}) {
					if c.mailbox != last {
						if err := w.Folder(c.mailbox); err != nil {
							t.Fatal(err)
						}
						last = c.mailbox
					}
					if c.mailbox == "Empty" {
						break
					}
					ok, err := w.Put(&Message{Mailbox: c.mailbox, Flags: c.flags, Keywords: c.keywords, Received: c.received,
						Name: fmt.Sprintf("%d.test", i), Body: iotest.HalfReader(strings.NewReader(c.body))})
					if err != nil {
						t.Fatal(err)
					}
					if ok {
						written++
					}
				}
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
				return written
			}
			if n := write(); n != len(want) {
				t.Errorf("%d messages were written, want %d", n, len(want))
			}
			again := map[Format]int{Mbox: len(want), Maildir: 0}[f]
			if n := write(); n != again {
				t.Errorf("%d messages were written the second time, want %d", n, again)
			}
			got, folders := readAll(t, f, dir)
			for i := range got {
				if got[i].mailbox == "INBOX" {
					got[i].mailbox = ""
				}
			}
			slices.SortFunc(got, func(a, b collected) int { return a.received.Compare(b.received) })
			compare(t, got, want)
			if !slices.Contains(folders, "Empty") {
				t.Errorf("the empty folder is missing in %q", folders)
			}
			inside(t, filepath.Dir(dir), "out")
		})
	}
}

// inside fails when anything but the one directory was made in dir: a name
// that led out of it.
func inside(t *testing.T, dir, only string) {
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 1 || list[0].Name() != only {
		t.Errorf("files lie outside of the directory: %v", list)
	}
}

func TestNames(t *testing.T) {
	for plain, coded := range map[string]string{
		"Sent": "Sent", "bös": "b&APY-s", "a & b": "a &- b", "日本語": "&ZeVnLIqe-", "😀": "&2D3eAA-", "": "",
	} {
		if got := encodeName(plain, ""); got != coded {
			t.Errorf("%q is encoded as %q, want %q", plain, got, coded)
		}
		if got := decodeName(coded); got != plain {
			t.Errorf("%q is decoded as %q, want %q", coded, got, plain)
		}
	}
	for _, odd := range []string{"AT&T", "&", "&AP-", "&!!-", "bös"} {
		if got := decodeName(odd); got != odd {
			t.Errorf("%q is decoded as %q, want itself", odd, got)
		}
	}
}

func FuzzMbox(f *testing.F) {
	f.Add([]byte("From a@b Thu Jan  1 00:00:10 1970\nStatus: RO\nSubject: 1\n\n>From one\n\nFrom a@b Thu Jan  1 00:00:20 1970\n\n"))
	f.Add([]byte("From a Thu Jan  1 00:00:10 1970\n\n\n\n\nFrom \n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		box := &mboxReader{r: bufio.NewReaderSize(bytes.NewReader(in), 64)} // small: lines longer than it
		total := 0
		for {
			m, err := box.next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if m == nil {
				continue
			}
			b, err := io.ReadAll(m.Body)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(bytes.ReplaceAll(b, []byte("\r\n"), nil), []byte("\n")) {
				t.Fatalf("bare line feed in %q", b)
			}
			total += len(b)
		}
		if total > 2*len(in) {
			t.Fatalf("%d octets came out of %d", total, len(in))
		}
	})
}
