package appliance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"testing"

	"posthorn/appliance/control"
	"posthorn/appliance/web/words"
)

// A running box takes a backup in, restarts, and is what the backup was.
func TestRestoreIntoARunningBox(t *testing.T) {
	from := runBox(t, "")
	from.addAccounts("alice")
	from.send("alice@mailbox.local", text("kept", 100))
	var backup bytes.Buffer
	if _, err := from.client.Backup(t.Context(), &backup, 0); err != nil {
		t.Fatal(err)
	}
	authority := from.certs.Fingerprint()
	if err := from.stop(); err != nil {
		t.Fatal(err)
	}

	config := Config{Data: shortDir(t), Bind: "127.0.0.1", Memory: 512 << 20}
	box, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- box.Run(context.Background()) }()
	c, err := control.Open(config.Data, false, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if in, err := c.ReadBackup(t.Context(), &backup); err != nil || in.Messages != 1 || !slices.Equal(in.People, []string{"alice"}) {
		t.Fatalf("%+v, %v", in, err)
	}
	if err := c.PutBackup(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := wait(t, ended); !errors.Is(err, ErrRestart) {
		t.Fatalf("the box ended with %v", err)
	}
	again := runBox(t, config.Data)
	if n, err := again.client.Accounts(t.Context()); err != nil || len(n) != 1 || n[0].Messages != 1 {
		t.Errorf("%+v, %v", n, err)
	}
	if got := again.certs.Fingerprint(); got != authority {
		t.Error("devices have to be told of a new authority")
	}
}

// Told to stop, a computer's box ends as if by a signal.
func TestOff(t *testing.T) {
	config := Config{Data: shortDir(t), Bind: "127.0.0.1", Memory: 512 << 20}
	box, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- box.Run(context.Background()) }()
	c, err := control.Open(config.Data, false, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Off(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := wait(t, ended); err != nil {
		t.Errorf("the box ended with %v", err)
	}
}

// Mail that came in is in the days of a status.
func TestStatusHasDays(t *testing.T) {
	b := runBox(t, "")
	b.addAccounts("alice")
	b.send("alice@mailbox.local", text("counted", 100))
	st, err := b.client.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(st.Days) != 1 || st.Days[0].In != 1 || st.Days[0].Bytes < 100 || st.FullIn != -1 || st.Certificate.Until.IsZero() {
		t.Errorf("%+v", st)
	}
}

func TestIncidents(t *testing.T) {
	lines := new(Lines)
	log := NewLog(io.Discard, false, slog.LevelInfo, lines).With("session", "s1", "to", "bob@example.org")
	log.Info("message sent")
	log.Warn("message not deliverable", "answer", "550 no\nsuch user")
	log.Warn("message not deliverable", "answer", "550 no such user")
	log.Warn("login refused", "user", "alice", "from", "192.168.1.9", "service", "imap")
	log.Error("odd", "error", errors.New("out of cheese"))
	got := lines.Incidents()
	if len(got) != 3 {
		t.Fatalf("%+v", got)
	}
	for i, want := range []control.Incident{
		{ID: "other", Count: 1, Text: "odd: out of cheese"},
		{ID: "login", Count: 1, Text: "login refused", Args: []string{"alice", "192.168.1.9", "imap"}},
		{ID: "undeliverable", Count: 2, Text: "message not deliverable: 550 no such user", Args: []string{"bob@example.org", "550 no such user"}},
	} {
		g := got[i]
		if g.ID != want.ID || g.Count != want.Count || g.Text != want.Text || !slices.Equal(g.Args, want.Args) || g.At.IsZero() {
			t.Errorf("%+v, want %+v", g, want)
		}
	}
	for i := range 2 * maxIncidents {
		log.Error(fmt.Sprint("odd ", i))
	}
	if got := lines.Incidents(); len(got) != maxIncidents || got[0].Text != fmt.Sprint("odd ", 2*maxIncidents-1) {
		t.Errorf("%d incidents, the last %+v", len(got), got[0])
	}
}

// Whatever the status may tell has words in every language.
func TestIncidentsHaveWords(t *testing.T) {
	all, err := words.Read()
	if err != nil {
		t.Fatal(err)
	}
	keys := []string{"status.happened.other"}
	for _, k := range incidentKinds() {
		keys = append(keys, "status.happened."+k.id)
	}
	for _, id := range []string{"quota", "full", "damaged", "write", "nobody", "clock", "queue", "server", "name", "announcement"} {
		keys = append(keys, "status.trouble."+id)
	}
	for _, c := range all.All() {
		for _, key := range keys {
			if text := c.Text(key); text == "["+key+"]" {
				t.Errorf("%s has no %s", c.Tag, key)
			}
		}
	}
}
