package queue

import (
	"strings"
	"testing"
	"time"

	"posthorn/appliance/relay"
	"posthorn/store"
)

// TestGaps checks that the gaps grow from a minute to four hours, and are
// never all the same.
func TestGaps(t *testing.T) {
	for attempts, want := range map[int]time.Duration{0: time.Minute, 1: time.Minute, 2: 2 * time.Minute, 3: 4 * time.Minute,
		8: 128 * time.Minute, 9: 4 * time.Hour, 20: 4 * time.Hour, 1000: 4 * time.Hour} {
		low, high := gap(attempts, lastGap, 0), gap(attempts, lastGap, 0.999999)
		if low != want*4/5 || high < want*119/100 || high > want*6/5 {
			t.Errorf("after %d attempts the gap is %v to %v, want %v and a fifth around it", attempts, low, high, want)
		}
	}
	attempts, d := 0, time.Duration(0)
	for d < MaxAge {
		attempts++
		d += gap(attempts, lastGap, 0.5)
	}
	if attempts < 30 || attempts > 50 {
		t.Errorf("%d attempts in %v", attempts, MaxAge)
	}
}

// TestAge follows a message that nobody takes over its five days.
func TestAge(t *testing.T) {
	start := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	failure := &relay.Failure{Code: 451, Status: "4.7.1", Text: "later", Host: "mx.far.example"}
	for _, test := range []struct {
		name     string
		clock    bool
		from     string
		notify   []string
		after    time.Duration
		state    store.QueuedState
		delayed  int
		failed   int
		schedule time.Duration // NotBefore after start
	}{
		{"young", true, "a@b", nil, time.Hour, store.QueuedWaiting, 0, 0, 0},
		{"late", true, "a@b", nil, DelayAge + time.Minute, store.QueuedWaiting, 1, 0, 0},
		{"late, not to be told", true, "a@b", []string{"NEVER"}, DelayAge + time.Minute, store.QueuedWaiting, 0, 0, 0},
		{"late, only failures", true, "a@b", []string{"FAILURE"}, DelayAge + time.Minute, store.QueuedWaiting, 0, 0, 0},
		{"late notice", true, "", nil, DelayAge + time.Minute, store.QueuedWaiting, 0, 0, 0},
		{"over", true, "a@b", nil, MaxAge + time.Minute, store.QueuedFailed, 0, 1, 0},
		{"over, not to be told", true, "a@b", []string{"NEVER"}, MaxAge + time.Minute, store.QueuedFailed, 0, 0, 0},
		{"no clock", false, "a@b", nil, 1000 * time.Hour, store.QueuedWaiting, 1, 0, 0},
		{"scheduled", true, "a@b", nil, 8 * 24 * time.Hour, store.QueuedWaiting, 0, 0, 8 * 24 * time.Hour},
	} {
		q := &Queue{ClockSet: func() bool { return test.clock }}
		m := &store.Queued{From: test.from, Accepted: start, NotBefore: start.Add(test.schedule),
			Recipients: []store.QueuedRecipient{{Address: "x@far.example", Notify: test.notify}}}
		o := &outcome{to: []relay.Recipient{{Address: "x@far.example"}}, all: failure, now: start.Add(test.after)}
		before := m.Recipients[0]
		q.note(m, &m.Recipients[0], relay.Result{Failure: failure}, o)
		var told telling
		told.add(m, &m.Recipients[0], before, o)
		if r := m.Recipients[0]; r.State != test.state || len(told.delayed) != test.delayed || len(told.failed) != test.failed {
			t.Errorf("%s: state %v, %d delays and %d failures told", test.name, r.State, len(told.delayed), len(told.failed))
		}
		// The delay is told once.
		before = m.Recipients[0]
		told = telling{}
		o.now = o.now.Add(time.Minute)
		q.note(m, &m.Recipients[0], relay.Result{Failure: failure}, o)
		told.add(m, &m.Recipients[0], before, o)
		if len(told.delayed) > 0 {
			t.Errorf("%s: the delay is told twice", test.name)
		}
	}
}

// TestSuccessNotices: only who asked is told, and not when the next system
// took that over.
func TestSuccessNotices(t *testing.T) {
	for _, test := range []struct {
		notify  []string
		informs bool
		want    int
	}{{nil, false, 0}, {[]string{"SUCCESS"}, false, 1}, {[]string{"SUCCESS"}, true, 0}, {[]string{"NEVER"}, false, 0}} {
		q := new(Queue)
		m := &store.Queued{From: "a@b", Recipients: []store.QueuedRecipient{{Address: "x@y", Notify: test.notify}}}
		result := relay.Result{Answer: "250 2.0.0 ok", Informs: test.informs}
		o := &outcome{to: []relay.Recipient{{Address: "x@y"}}, results: []relay.Result{result}, now: time.Now()}
		before := m.Recipients[0]
		q.note(m, &m.Recipients[0], result, o)
		var told telling
		if told.add(m, &m.Recipients[0], before, o); len(told.delivered) != test.want {
			t.Errorf("%+v: %d told", test, len(told.delivered))
		}
	}
}

// TestAdvice: every answer leads to a sentence for people.
func TestAdvice(t *testing.T) {
	for answer, want := range map[string]string{
		"550 5.1.1 x": "There is no mailbox", "5.1.2 x": "There is no such domain", "5.1.10 x": "That domain takes no mail",
		"554 no status": "The other system refused", "552 5.2.2 x": "That mailbox is full", "4.4.7 x": "could not be reached for days",
		"451 4.7.1 x": "does not take the message now", "421 nothing": "The other system refused",
	} {
		if got := advice(answer); !strings.Contains(got, want) {
			t.Errorf("%q: %q, want %q in it", answer, got, want)
		}
	}
}
