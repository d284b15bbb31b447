package appliance

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"posthorn/appliance/control"
)

// Limits of what is remembered of incidents.
const (
	maxIncidents    = 30
	maxIncidentText = 300 // octets of each of its texts
	incidentWithin  = time.Hour
)

// incidents are the last records of the log that tell of something wrong, in
// memory. Those of the same kind about the same thing within the hour are one.
type incidents struct {
	mu   sync.Mutex
	list []control.Incident // oldest first
}

// incidentKind is how a kind of incident is found in the log: the words of its
// message, and the attributes that tell what it is about.
type incidentKind struct {
	id, message string
	about       []string
}

// incidentKinds lists those a page has words of its own for. What is not among
// them is shown as it was logged.
func incidentKinds() []incidentKind {
	return []incidentKind{
		{"undeliverable", "message not deliverable", []string{"to", "answer"}},
		{"relay", "mail server not usable", []string{"server", "error"}},
		{"code", "wrong set-up code", []string{"from"}},
		{"authority", "the box's authority has a new certificate", nil},
		{"login", "login refused", []string{"user", "from", "service"}},
		{"full", "disk is full", nil},
		{"write", "the store can't be written", []string{"error"}},
		{"damaged", "a record is damaged", nil},
		{"damaged", "damaged mail", nil},
		{"damaged", "pop3 message cannot be read", nil},
		{"crowd", "connection refused: too many", []string{"from"}},
		{"crowd", "imap connection refused", []string{"from"}},
		{"crowd", "pop3 connection refused: too many", []string{"from"}},
		{"screen", "screen was lost", nil},
		{"clock", "clock is not set", nil},
		{"name", "mdns: another host holds the name", []string{"name"}},
		{"update", "update refused", []string{"error"}},
		{"backup", "backup broken off", []string{"error"}},
		{"part", "part failed", []string{"part", "error"}},
	}
}

// add remembers one.
func (n *incidents) add(i control.Incident) {
	n.mu.Lock()
	defer n.mu.Unlock()
	same := func(old control.Incident) bool {
		return old.ID == i.ID && slices.Equal(old.Args, i.Args) && (i.ID != "other" || old.Text == i.Text) && i.At.Sub(old.At) < incidentWithin
	}
	if at := slices.IndexFunc(n.list, same); at >= 0 {
		i.Count += n.list[at].Count
		n.list = slices.Delete(n.list, at, at+1)
	}
	if len(n.list) == maxIncidents {
		n.list = slices.Delete(n.list, 0, 1)
	}
	n.list = append(n.list, i)
}

// last returns them, newest first.
func (n *incidents) last() []control.Incident {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := slices.Clone(n.list)
	slices.Reverse(list)
	return list
}

// noting is a log's handler that remembers incidents on their way.
type noting struct {
	slog.Handler
	to    *incidents
	attrs []slog.Attr // of the logger, such as its session
}

// Handle implements slog.Handler.
func (h *noting) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		attrs := slices.Clone(h.attrs)
		r.Attrs(func(a slog.Attr) bool { attrs = append(attrs, a); return true })
		h.to.add(incidentOf(r, attrs))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h *noting) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &noting{h.Handler.WithAttrs(attrs), h.to, slices.Concat(h.attrs, attrs)}
}

// WithGroup implements slog.Handler.
func (h *noting) WithGroup(name string) slog.Handler {
	return &noting{h.Handler.WithGroup(name), h.to, h.attrs}
}

// incidentOf tells what a record of the log is about.
func incidentOf(r slog.Record, attrs []slog.Attr) control.Incident {
	i := control.Incident{At: r.Time, Count: 1, ID: "other", Text: r.Message}
	value := func(key string) string {
		for _, a := range attrs {
			if a.Key == key {
				return cutText(a.Value.Resolve().String())
			}
		}
		return ""
	}
	for _, k := range incidentKinds() {
		if strings.HasPrefix(r.Message, k.message) {
			i.ID = k.id
			for _, key := range k.about {
				i.Args = append(i.Args, value(key))
			}
			break
		}
	}
	for _, key := range []string{"error", "err", "answer"} {
		if v := value(key); v != "" {
			i.Text = cutText(i.Text + ": " + v)
			break
		}
	}
	return i
}

// cutText keeps one short line.
func cutText(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "?")), " ")
	if len(s) > maxIncidentText {
		s = strings.ToValidUTF8(s[:maxIncidentText], "") + "…"
	}
	return s
}
