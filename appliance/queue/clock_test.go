package queue

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-smtp"

	"posthorn/store"
)

// bubble is a box, and a server elsewhere, in a time of their own, which passes
// when all of them wait.
type bubble struct {
	*box
	e     *elsewhere
	pipes *pipes
	dir   string
	clock atomic.Bool // is set
}

// inBubble runs a test in such a time. The store is asked for work a thousand
// times a minute, so that days are for boxes that are off.
func inBubble(t *testing.T, undo time.Duration, test func(t *testing.T, b *bubble)) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		b := &bubble{box: &box{t: t}, e: serveElsewhere(t, p), pipes: p, dir: dir}
		b.clock.Store(true)
		b.on()
		b.alice = b.account("alice", undo)
		b.account("bob", 0)
		b.useSmarthost(25)
		b.run()
		test(t, b)
		b.off()
	})
}

// on switches the box on.
func (b *bubble) on() {
	b.open(b.dir)
	b.Log, b.Relay.Log, b.Office.Log = nil, nil, nil
	b.Relay.Dial = b.pipes.dial
	b.ClockSet = b.clock.Load
	b.Office.ClockSet = b.ClockSet
}

// off switches it off.
func (b *bubble) off() {
	b.stop()
	if r, err := b.Store.Check(b.t.Context()); err != nil || r.Count > 0 {
		b.t.Errorf("check: %v %+v", err, r)
	}
	if err := b.Store.Close(); err != nil {
		b.t.Error(err)
	}
}

// rest is off for a time, and on again.
func (b *bubble) rest(d time.Duration) {
	b.off()
	time.Sleep(d)
	b.on()
	b.run()
}

// TestUndoTime: the message leaves when its undo time is over, to the second.
func TestUndoTime(t *testing.T) {
	for undo, want := range map[time.Duration]time.Duration{0: store.DefaultUndo, -1: 0, 10 * time.Minute: 10 * time.Minute, time.Hour: store.MaxUndo} {
		inBubble(t, undo, func(t *testing.T, b *bubble) {
			b.submit("", "x@far.example")
			if want > 0 {
				time.Sleep(want - time.Second)
				if got := b.e.got(); len(got) > 0 {
					t.Errorf("undo %v: it left early", undo)
				}
			}
			time.Sleep(2 * time.Second)
			if got := b.e.got(); len(got) != 1 || len(b.waiting()) > 0 {
				t.Errorf("undo %v: it did not leave after %v", undo, want)
			}
		})
	}
}

// TestFiveDays has a server put a message off until it is given up, and looks at
// each attempt and each notice.
func TestFiveDays(t *testing.T) {
	inBubble(t, -1, func(t *testing.T, b *bubble) {
		begun := time.Now()
		var tried []time.Time
		b.e.set(func(string) error {
			tried = append(tried, time.Now())
			return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "later"}
		}, nil)
		b.submit("", "x@far.example")
		delayed, off := time.Duration(0), 0
		for len(b.waiting()) > 0 {
			time.Sleep(5 * time.Minute)
			if n := len(b.mailbox("alice", "INBOX")); n == 1 && delayed == 0 {
				delayed = time.Since(begun)
			}
			if off == 0 && delayed > 0 {
				off = len(tried)
				b.rest(time.Until(begun.Add(MaxAge - 10*time.Minute)))
			}
		}
		took := time.Since(begun)
		for i := 1; i < len(tried); i++ {
			want := min(firstGap<<min(i-1, 10), lastGap)
			if at := tried[i].Sub(begun); at > DelayAge && at < DelayAge+5*time.Second || at > MaxAge {
				continue // an attempt before the sender is told
			}
			if gap := tried[i].Sub(tried[i-1]); i != off && (gap < want*4/5 || gap > want*6/5+2*time.Second) {
				t.Errorf("gap %d is %v, want %v or a fifth around it", i, gap, want)
			}
		}
		if delayed < DelayAge || delayed > DelayAge+6*time.Minute {
			t.Errorf("the delay was told after %v", delayed)
		}
		if took < MaxAge || took > MaxAge+6*time.Minute {
			t.Errorf("given up after %v, want %v", took, MaxAge)
		}
		told := b.mailbox("alice", "INBOX")
		if len(told) != 2 || !strings.Contains(told[0], "\r\nSubject: Delayed: hello") || !strings.Contains(told[1], "\r\nSubject: Not delivered: hello") ||
			!strings.Contains(told[1], "Status: 4.4.7") {
			t.Errorf("alice was told\n%s", strings.Join(told, "\n\n"))
		}
		t.Logf("%d attempts, delay told after %v, given up after %v", len(tried), delayed, took)
	})
}

// TestSmarthostGone: a smarthost that can't be reached is asked at least every
// quarter of an hour.
func TestSmarthostGone(t *testing.T) {
	inBubble(t, -1, func(t *testing.T, b *bubble) {
		b.pipes.down.Store(true)
		b.submit("", "x@far.example")
		time.Sleep(time.Hour)
		r := b.waiting()[0].Recipients[0]
		if r.Attempts < 6 || r.Attempts > 10 || time.Since(r.Last) > lastSmarthostGap*6/5+idlePause {
			t.Errorf("after an hour: %+v", r)
		}
	})
}

// TestNoClock starts a box whose clock is not set: what was scheduled does not
// leave, and nothing is given up, until the clock is right and its time has
// come. Mail for now leaves all the same.
func TestNoClock(t *testing.T) {
	inBubble(t, 0, func(t *testing.T, b *bubble) {
		b.clock.Store(false)
		at := time.Now().Add(MaxAge + 30*time.Minute)
		b.submit("X-Send-At: "+at.Format(time.RFC3339)+"\r\n", "scheduled@far.example")
		b.submit("X-Send-At: "+at.Format(time.RFC3339)+"\r\n", "bob@mailbox.local")
		b.submit("", "now@far.example")
		b.e.set(func(to string) error {
			if strings.HasPrefix(to, "later") {
				return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "later"}
			}
			return nil
		}, nil)
		b.submit("", "later@far.example")
		time.Sleep(10 * time.Minute)
		b.rest(MaxAge)
		time.Sleep(10 * time.Minute)
		if got := b.e.got(); len(got) != 1 || got[0].to[0] != "now@far.example" {
			t.Errorf("without a clock left: %+v", got)
		}
		if n := len(b.mailbox("alice", "INBOX")); n != 0 || len(b.waiting()) != 3 {
			t.Errorf("without a clock %d notices were sent, %d messages wait", n, len(b.waiting()))
		}
		b.clock.Store(true)
		time.Sleep(time.Until(at) - time.Minute)
		if len(b.e.got()) != 1 || len(b.mailbox("bob", "INBOX")) != 0 {
			t.Error("a scheduled message left early")
		}
		time.Sleep(2 * time.Minute)
		if len(b.e.got()) != 2 || len(b.mailbox("bob", "INBOX")) != 1 {
			t.Error("the scheduled messages did not leave at their time")
		}
		if w := b.waiting(); len(w) != 1 || w[0].Accepted.Before(at.Add(-30*time.Minute)) {
			t.Errorf("age does not count from when the clock was set: %+v", w)
		}
	})
}

// TestOldClock starts a box whose clock has fallen back by days, with mail that
// was put off and mail that was scheduled before.
func TestOldClock(t *testing.T) {
	inBubble(t, -1, func(t *testing.T, b *bubble) {
		b.pipes.down.Store(true)
		b.submit("", "x@far.example")
		time.Sleep(10 * time.Second)
		b.stop()
		ahead := time.Now().Add(100 * 24 * time.Hour) // as the clock was
		m := b.waiting()[0]
		m.Accepted, m.NotBefore, m.Recipients[0].Next = ahead.Add(-MaxAge-time.Hour), time.Time{}, ahead
		if err := b.Store.Update(func(tx *store.Tx) error { return tx.PutQueued(m) }); err != nil {
			t.Fatal(err)
		}
		b.clock.Store(false)
		b.submit("X-Send-At: "+ahead.Format(time.RFC3339)+"\r\n", "scheduled@far.example")
		b.pipes.down.Store(false)
		b.run()
		time.Sleep(5 * time.Minute)
		if got := b.e.got(); len(got) != 1 || got[0].to[0] != "x@far.example" {
			t.Errorf("with a clock that fell back left: %+v", got)
		}
		if w := b.waiting(); len(w) != 1 || !w[0].Scheduled {
			t.Errorf("there wait: %+v", w)
		}
	})
}

// TestOnline: the network comes back, and nobody waits for the gap. What a
// server has put off waits on.
func TestOnline(t *testing.T) {
	inBubble(t, -1, func(t *testing.T, b *bubble) {
		b.pipes.down.Store(true)
		for range 30 {
			b.submit("", "x@far.example")
		}
		time.Sleep(20 * time.Minute)
		if n := len(b.waiting()); n != 30 {
			t.Fatalf("%d messages wait, want 30", n)
		}
		b.stop()
		b.pipes.down.Store(false)
		b.run()
		next := b.waiting()[0].Recipients[0].Next
		if err := b.Online(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if n := len(b.e.got()); n != 30 {
			t.Errorf("a second after the network came back %d of 30 have left; the gap goes on to %v", n, next)
		}
		b.e.set(nil, func() error {
			return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "greylisted"}
		})
		b.submit("", "x@far.example")
		time.Sleep(10 * time.Second)
		if err := b.Online(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if w := b.waiting(); len(w) != 1 || w[0].Recipients[0].Attempts != 1 {
			t.Errorf("what a server has put off: %+v", w)
		}
	})
}
