package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/smtp"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"posthorn/appliance"
	"posthorn/appliance/control"
)

// shell runs command lines on one data directory.
type shell struct {
	t    *testing.T
	data string
}

func newShell(t *testing.T) *shell {
	// Short, because a Unix socket's path is limited.
	data, err := os.MkdirTemp("", "cli")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(data) })
	return &shell{t, data}
}

// try runs a command line and returns what it wrote and its exit status.
func (s *shell) try(stdin, line string, more ...string) (stdout, stderr string, status int) {
	s.t.Helper()
	var out, errs bytes.Buffer
	args := append(strings.Fields(line), more...)
	status = run(s.t.Context(), append(args, "--data", s.data), strings.NewReader(stdin), &out, &errs)
	return out.String(), errs.String(), status
}

// do runs a command line that must succeed.
func (s *shell) do(line string, more ...string) string {
	s.t.Helper()
	stdout, stderr, status := s.try("a good password\n", line, more...)
	if status != exitDone {
		s.t.Fatalf("posthorn %s %q ended with %d: %s", line, more, status, stderr)
	}
	return stdout
}

// fails runs a command line that must end with a status and say something.
func (s *shell) fails(want int, says, line string, more ...string) {
	s.t.Helper()
	_, stderr, status := s.try("", line, more...)
	if status != want || !strings.Contains(stderr, says) {
		s.t.Errorf("posthorn %s %q ended with %d, want %d: %q, want %q in it", line, more, status, want, stderr, says)
	}
}

func (s *shell) accounts() map[string]control.Account {
	s.t.Helper()
	var list []control.Account
	if err := json.Unmarshal([]byte(s.do("account list --json")), &list); err != nil {
		s.t.Fatal(err)
	}
	out := make(map[string]control.Account)
	for _, a := range list {
		out[a.Name] = a
	}
	return out
}

// box starts a box on the shell's data and stops it at the end of the test.
func (s *shell) box() *appliance.Box {
	s.t.Helper()
	lines := new(appliance.Lines)
	box, err := appliance.New(appliance.Config{Data: s.data, Bind: "127.0.0.1", Lines: lines,
		Log: appliance.NewLog(io.Discard, false, 0, lines)})
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- box.Run(ctx) }()
	s.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			s.t.Error(err)
		}
	})
	return box
}

// beside runs a test with a running box and without one.
func beside(t *testing.T, fn func(t *testing.T, s *shell, running bool)) {
	t.Run("box running", func(t *testing.T) {
		s := newShell(t)
		s.box()
		fn(t, s, true)
	})
	t.Run("no box", func(t *testing.T) { fn(t, newShell(t), false) })
}

func TestAccounts(t *testing.T) {
	beside(t, func(t *testing.T, s *shell, _ bool) {
		s.do("account add Alice --password-stdin --quota 2G")
		s.do("account add bob --password-stdin --display-name", "Bob the builder")
		all := s.accounts()
		if a := all["alice"]; !a.Owner || a.Quota != 2<<30 {
			t.Errorf("alice is %+v, want the owner with 2 GB", a)
		}
		if b := all["bob"]; b.Owner || b.DisplayName != "Bob the builder" {
			t.Errorf("bob is %+v", b)
		}
		s.do("account passwd bob --password-stdin")
		s.do("account quota bob 100M")
		if q := s.accounts()["bob"].Quota; q != 100<<20 {
			t.Errorf("bob's quota is %d", q)
		}
		if out := s.do("account list"); !strings.Contains(out, "owner") || !strings.Contains(out, "100.0 MB") {
			t.Errorf("account list shows %q", out)
		}
		s.do("account remove bob")
		if len(s.accounts()) != 1 {
			t.Error("bob is still there")
		}
		if _, stderr, status := s.try("another password\n", "account add alice --password-stdin"); status != exitFailed || !strings.Contains(stderr, "already exists") {
			t.Errorf("a second alice: %d, %q", status, stderr)
		}
	})
}

func TestRefusals(t *testing.T) {
	s := newShell(t)
	s.do("account add alice --password-stdin")
	for _, tc := range []struct {
		status int
		says   string
		line   string
	}{
		{exitUsage, "no command", "acount list"},
		{exitUsage, "usage: posthorn account add NAME", "account add"},
		{exitUsage, "too much", "account list more"},
		{exitUsage, "not defined", "account list --all"},
		{exitUsage, "name the FILE", "backup"},
		{exitUsage, "--stick takes", "backup --stick"},
		{exitUsage, "--stick takes", "backup --stick FILE"},
		{exitUsage, "no size", "account quota alice plenty"},
		{exitUsage, "no terminal", "account add bob"},
		{exitUsage, "--account is missing", "import mbox /dev/null"},
		{exitUsage, "--bind", "serve --bind somewhere"},
		{exitUsage, "--port-offset", "serve --port-offset 65000"},
		{exitUsage, "--hostname", "serve --hostname my.box"},
		{exitUsage, "--log-level", "serve --log-level loud"},
		{exitUsage, "--log-format", "serve --log-format xml"},
		{exitFailed, "no such file", "serve --config /nowhere"},
		{exitFailed, "password", "account add bob --password-stdin"}, // an empty one
		{exitFailed, "account list shows", "account passwd nobody --password-stdin"},
		{exitFailed, "not found", "alias remove nobody"},
		{exitFailed, "no such app password", "account app-password revoke alice scanner"},
		{exitFailed, "only a running box", "log"},
		{exitFailed, "no such file", "import maildir /nowhere --account alice"},
		{exitFailed, "can't be used", "restore /dev/null"},
	} {
		s.fails(tc.status, tc.says, tc.line)
	}
	s.data += "/none"
	s.fails(exitFailed, "no mail box in", "account list")
	if _, err := os.Stat(s.data); err == nil {
		t.Error("a command that only reads made a data directory")
	}
}

func TestHelp(t *testing.T) {
	var out bytes.Buffer
	if status := run(t.Context(), []string{"help"}, nil, &out, io.Discard); status != exitDone {
		t.Errorf("help ended with %d", status)
	}
	for _, c := range commands() {
		if !strings.Contains(out.String(), "posthorn "+c.name+" ") {
			t.Errorf("help does not name %s", c.name)
		}
		_, what, _ := strings.Cut(c.help, "\n")
		if first := what[:1]; first != strings.ToUpper(first) || first == " " {
			t.Errorf("help says of %s: %.40q", c.name, what)
		}
		var one bytes.Buffer
		if status := run(t.Context(), append(strings.Fields(c.name), "--help"), nil, &one, io.Discard); status != exitDone || !strings.Contains(one.String(), "usage: posthorn "+c.name) {
			t.Errorf("%s --help ended with %d: %q", c.name, status, one.String())
		}
	}
	if status := run(t.Context(), nil, nil, io.Discard, io.Discard); status != exitUsage {
		t.Errorf("no command ended with %d", status)
	}
}

func TestAliasesAndDevices(t *testing.T) {
	beside(t, func(t *testing.T, s *shell, _ bool) {
		s.do("account add alice --password-stdin")
		s.do("alias add Family alice bob@example.org")
		s.do("alias add family@example.org alice")
		if out := s.do("alias list"); !strings.Contains(out, "family") || !strings.Contains(out, "alice, bob@example.org") {
			t.Errorf("alias list shows %q", out)
		}
		s.do("alias remove family")
		s.do("alias remove family@example.org")
		if out := s.do("alias list --json"); strings.TrimSpace(out) != "[]" {
			t.Errorf("aliases left: %q", out)
		}
		var p control.AppPassword
		if err := json.Unmarshal([]byte(s.do("account app-password add alice scanner --json")), &p); err != nil || len(p.Secret) < 16 {
			t.Fatalf("app password is %+v, %v", p, err)
		}
		if out := s.do("account app-password list alice"); !strings.Contains(out, "scanner") || strings.Contains(out, p.Secret) {
			t.Errorf("app passwords are shown as %q", out)
		}
		s.do("account app-password revoke alice scanner")
		if n := s.accounts()["alice"].AppPasswords; n != 0 {
			t.Errorf("alice has %d app passwords after the last was revoked", n)
		}
	})
}

func TestStatusAndCheck(t *testing.T) {
	beside(t, func(t *testing.T, s *shell, running bool) {
		s.do("account add alice --password-stdin")
		var st control.Status
		if err := json.Unmarshal([]byte(s.do("status --json")), &st); err != nil {
			t.Fatal(err)
		}
		if st.Running != running || st.Accounts != 1 || running && len(st.Services) != 9 {
			t.Errorf("status is %+v", st)
		}
		if out := s.do("status"); !strings.Contains(out, "1 accounts") || running && !strings.Contains(out, "imaps") {
			t.Errorf("status shows %q", out)
		}
		if out := s.do("check"); !strings.Contains(out, "0 problems") {
			t.Errorf("check shows %q", out)
		}
		if running && !strings.Contains(s.do("log"), "account=alice") {
			t.Error("the log does not tell of the account")
		}
	})
}

// messages is an mbox of n messages.
func messages(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "From a@b Thu Jan  1 %02d:%02d:%02d 2026\nStatus: RO\nSubject: number %d\nMessage-ID: <%d@test>\n\nbody %d\n\n", i/3600, i/60%60, i%60, i, i, i)
	}
	return b.String()
}

func TestImportExportBackupRestore(t *testing.T) {
	beside(t, func(t *testing.T, s *shell, running bool) {
		s.do("account add alice --password-stdin")
		dir := t.TempDir()
		mbox := filepath.Join(dir, "in.mbox")
		const n = 100
		if err := os.WriteFile(mbox, []byte(messages(n)), 0o600); err != nil {
			t.Fatal(err)
		}
		s.summary("import mbox", n, 0, mbox, "--account", "alice", "--mailbox", "Old/2025")
		s.summary("import mbox", 0, n, mbox, "--account", "alice", "--mailbox", "Old/2025")
		s.summary("import mbox", n, 0, mbox, "--account", "ALICE")

		out := filepath.Join(dir, "maildir")
		s.summary("export maildir", 2*n, 0, out, "--account", "alice")
		s.summary("export maildir", 0, 2*n, out, "--account", "alice")
		s.summary("export mbox", n, 0, filepath.Join(dir, "mbox"), "--account", "alice", "--mailbox", "Old/2025")
		s.summary("import maildir", 0, 2*n, out, "--account", "alice")
		s.summary("import mbox", 0, n, filepath.Join(dir, "mbox"), "--account", "alice")

		full, more := filepath.Join(dir, "full"), filepath.Join(dir, "more")
		_, note, status := s.try("", "backup "+full)
		var since uint64
		if _, err := fmt.Sscanf(note, "backup is complete; the next one can go on with --since %d", &since); err != nil || status != exitDone {
			t.Fatalf("backup ended with %d and says %q", status, note)
		}
		if out := s.do("status"); !strings.Contains(out, "last made 20") {
			t.Errorf("status does not tell of the backup:\n%s", out)
		}
		s.summary("import mbox", n, 0, mbox, "--account", "alice", "--mailbox", "Later")
		s.do("backup", more, "--since", fmt.Sprint(since))
		before := s.accounts()
		if running {
			s.fails(exitFailed, "already exists", "restore", full)
			return
		}
		s.data = filepath.Join(dir, "restored")
		s.do("restore", full, more)
		if after := s.accounts(); after["alice"] != before["alice"] {
			t.Errorf("alice is %+v after the restore, was %+v", after["alice"], before["alice"])
		}
		s.do("check")
	})
}

// summary runs a transfer and compares how many messages it moved and passed
// over.
func (s *shell) summary(line string, moved, duplicates int, args ...string) {
	s.t.Helper()
	var sum control.Summary
	if err := json.Unmarshal([]byte(s.do(line, append(args, "--json")...)), &sum); err != nil {
		s.t.Fatal(err)
	}
	if sum.Messages != moved || sum.Duplicates != duplicates || sum.Failed != 0 {
		s.t.Errorf("%s moved %d and passed over %d, want %d and %d: %q", line, sum.Messages, sum.Duplicates, moved, duplicates, sum.Problems)
	}
}

func TestImportStopsAtTheQuotaAndGoesOn(t *testing.T) {
	s := newShell(t)
	s.do("account add alice --password-stdin --quota 5K")
	mbox := filepath.Join(t.TempDir(), "in.mbox")
	if err := os.WriteFile(mbox, []byte(messages(100)), 0o600); err != nil {
		t.Fatal(err)
	}
	s.fails(exitFailed, "over quota", "import mbox", mbox, "--account", "alice")
	some := s.accounts()["alice"].Messages
	if some == 0 || some == 100 {
		t.Errorf("%d messages came in under the quota", some)
	}
	s.do("account quota alice 0")
	s.summary("import mbox", 100-int(some), int(some), mbox, "--account", "alice")
	s.do("check")
}

func TestBackupToAPlaceThereIsNone(t *testing.T) {
	s := newShell(t)
	s.do("account add alice --password-stdin")
	s.fails(exitFailed, "no such file", "backup /nowhere/file")
	dir := t.TempDir()
	s.fails(exitFailed, "", "backup", filepath.Join(dir, "x"), "--since", "999999")
	if list, _ := os.ReadDir(dir); len(list) != 0 {
		t.Errorf("a backup that failed left %v", list)
	}
}

func TestServe(t *testing.T) {
	s := newShell(t)
	port := freePortOffset(t)
	config := filepath.Join(t.TempDir(), "posthorn.toml")
	if err := os.WriteFile(config, []byte(fmt.Sprintf("port-offset = %d\nbind = \"127.0.0.1\"\nhostname = \"other\"\nlog-level = \"error\"\n", port)), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan int, 1)
	var errs bytes.Buffer
	go func() {
		ended <- run(ctx, []string{"serve", "--config", config, "--hostname", "chosen", "--data", s.data}, nil, in, &errs)
		in.Close()
	}()
	first := make([]byte, 4096)
	n, err := out.Read(first)
	if err != nil {
		t.Fatalf("serve ended with %d: %s", <-ended, errs.String())
	}
	welcome := string(first[:n])
	for _, want := range []string{fmt.Sprint(80 + port), fmt.Sprint(993 + port), "account add NAME", "chosen.local"} {
		if !strings.Contains(welcome, want) {
			t.Errorf("the welcome lacks %q:\n%s", want, welcome)
		}
	}
	s.do("account add alice --password-stdin")
	err = smtp.SendMail(net.JoinHostPort("127.0.0.1", fmt.Sprint(25+port)), nil, "a@example.com", []string{"alice@chosen.local"}, nil)
	if err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a client that does not know the box's authority trusts it: %v", err)
	}
	cancel()
	go io.Copy(io.Discard, out)
	if status := <-ended; status != exitDone {
		t.Errorf("serve ended with %d: %s", status, errs.String())
	}
}

// freePortOffset finds an offset at which all ports of a box are free.
func freePortOffset(t *testing.T) int {
	for offset := 20000; offset < 60000; offset += 1000 {
		free := true
		for _, port := range []int{25, 80, 110, 143, 443, 465, 587, 993, 995} {
			l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", fmt.Sprint(port+offset)))
			if err != nil {
				free = false
				break
			}
			l.Close()
		}
		if free {
			return offset
		}
	}
	t.Fatal("no free ports")
	return 0
}

func TestConfigFileWithAnUnknownName(t *testing.T) {
	s := newShell(t)
	config := filepath.Join(t.TempDir(), "posthorn.toml")
	if err := os.WriteFile(config, []byte("port_offset = 5\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.fails(exitFailed, `no setting "port_offset"`, "serve --config "+config)
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "100": 100, "1k": 1024, "2G": 2 << 30, "1.5M": 3 << 19, "1T": 1 << 40} {
		if got, err := parseSize(text); err != nil || got != want {
			t.Errorf("%q is %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "G", "-1", "1P", "2 G", "NaN", "1e30G", "Inf"} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("%q is taken for %d", text, got)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1536: "1.5 KB", 5 << 30: "5.0 GB", 3 << 50: "3072.0 TB"} {
		if got := formatSize(n); got != want {
			t.Errorf("%d is written %q, want %q", n, got, want)
		}
	}
}
