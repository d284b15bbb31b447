package queue

import (
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"posthorn/appliance/relay"
	"posthorn/store"
)

// TestPutOffHere: what waits because the store could not be written is
// delivered once, when it can.
func TestPutOffHere(t *testing.T) {
	b := newBox(t, newElsewhere(t), -1)
	b.begin()
	b.submit("X-Send-At: "+time.Now().Add(time.Second).UTC().Format(time.RFC3339)+"\r\n", "bob@mailbox.local")
	m := b.waiting()[0]
	time.Sleep(time.Until(m.NotBefore))
	b.unreachable(way{lane: hereLane}, &relay.Failure{Status: "4.3.0", Text: "the store could not be written", Connection: true})
	var r roads
	if _, err := r.read(b.Store); err != nil {
		t.Fatal(err)
	}
	if err := b.putOff(hereLane, []store.QueuedID{m.ID}, &r); err != nil {
		t.Fatal(err)
	}
	if n := len(b.mailbox("bob", "INBOX")); n != 0 {
		t.Errorf("bob has %d messages that were put off", n)
	}
	if w := b.waiting(); len(w) != 1 || !w[0].Recipients[0].Next.After(m.NotBefore) {
		t.Fatalf("waiting: %+v", w)
	}
	b.run()
	eventually(t, "it is delivered", func() bool { return len(b.retried()) == 0 })
	if n := len(b.mailbox("bob", "INBOX")); n != 1 {
		t.Errorf("bob has it %d times", n)
	}
}

// retried has what waits tried at once, and returns it.
func (b *box) retried() []*store.Queued {
	if err := b.retryAll(); err != nil {
		b.t.Error(err)
	}
	b.nudge()
	return b.waiting()
}

// handedOver submits a message, as one that has waited for long, and marks it
// as handed over to the first of its recipients.
func (b *box) handedOver(to ...string) store.QueuedID {
	b.t.Helper()
	b.submit("", to...)
	id := b.waiting()[0].ID
	err := b.Store.Update(func(tx *store.Tx) error {
		m, err := tx.Queued(id)
		if err != nil {
			return err
		}
		m.Accepted, m.NotBefore = m.Accepted.Add(-DelayAge-time.Hour), time.Time{}
		for i := range m.Recipients {
			m.Recipients[i].Answer = "451 4.7.1 later"
		}
		return tx.PutQueued(m)
	})
	if err == nil {
		err = b.mark(id, to[:1])
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return id
}

// TestLanesMeet: two lanes end with a message at the same time. Neither's
// outcome is lost.
func TestLanesMeet(t *testing.T) {
	b := newBox(t, newElsewhere(t), -1)
	b.begin()
	id := b.handedOver("x@far.example", "y@far.example", "z@other.example")
	b.ClockSet = sync.OnceValue(func() bool { // is asked between reading and writing
		err := b.Store.Update(func(tx *store.Tx) error {
			m, err := tx.Queued(id)
			if err != nil {
				return err
			}
			m.Recipients[2].Delayed = true
			return tx.PutQueued(m)
		})
		if err != nil {
			t.Error(err)
		}
		return true
	})
	o := &outcome{id: id, lane: "far.example", to: []relay.Recipient{{Address: "x@far.example"}, {Address: "y@far.example"}},
		results: []relay.Result{{Answer: "250 2.0.0 ok"}, {Failure: &relay.Failure{Code: 451, Status: "4.7.1", Text: "later"}}}}
	if err := b.settle(new(roads), o); err != nil {
		t.Fatal(err)
	}
	m := b.waiting()[0]
	if m.Recipients[0].State != store.QueuedDelivered || m.Trying() {
		t.Errorf("after an answer of 250: %+v", m.Recipients)
	}
	if notices := b.mailbox("alice", "INBOX"); len(notices) != 1 || !strings.Contains(notices[0], "y@far.example") || strings.Contains(notices[0], "z@other.example") {
		t.Errorf("alice is told %q", notices)
	}
}

// TestNoRoomForNotices: on a full disk it is still written down who has a
// message, and the others' fate is told later.
func TestNoRoomForNotices(t *testing.T) {
	dir := t.TempDir()
	b := &box{t: t}
	b.open(dir)
	b.alice = b.account("alice", -1)
	b.useSmarthost(25)
	id := b.handedOver("x@far.example", "y@far.example")
	if err := b.Store.Close(); err != nil {
		t.Fatal(err)
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	full, err := store.Open(store.Options{Dir: dir, Reserve: int64(st.Bavail) * int64(st.Bsize) * 2})
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	b.Store, b.Office.Store = full, full
	b.begin()
	o := &outcome{id: id, lane: "far.example", to: []relay.Recipient{{Address: "x@far.example"}, {Address: "y@far.example"}},
		results: []relay.Result{{Answer: "250 2.0.0 ok"}, {Failure: &relay.Failure{Code: 550, Status: "5.1.1", Text: "who?", Permanent: true}}}}
	if err := b.settle(new(roads), o); err != nil {
		t.Fatal(err)
	}
	r := b.waiting()[0].Recipients
	if r[0].State != store.QueuedDelivered || r[1].State != store.QueuedWaiting || !r[1].Next.After(time.Now()) || r[1].Delayed {
		t.Errorf("after the answers of a server: %+v", r)
	}
}
