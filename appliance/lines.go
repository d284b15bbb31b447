package appliance

import (
	"bytes"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"posthorn/appliance/control"
)

// Limits of what Lines keeps: at most half a megabyte.
const (
	maxLines      = 500
	maxLineOctets = 1000
)

// Lines keeps the last 500 lines of a log, each cut at 1000 octets, in
// memory: a card is not for logs. It is an io.Writer that takes one line per
// call, as slog's handlers give it.
type Lines struct {
	incidents incidents

	mu    sync.Mutex
	lines []string
	next  int // where the oldest is, once there are maxLines
}

// Write keeps a line.
func (l *Lines) Write(p []byte) (int, error) {
	line := bytes.TrimRight(p, "\n")
	text := strings.ToValidUTF8(string(line[:min(len(line), maxLineOctets)]), "?")
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lines) < maxLines {
		l.lines = append(l.lines, text)
	} else {
		l.lines[l.next] = text
		l.next = (l.next + 1) % maxLines
	}
	return len(p), nil
}

// Last returns the lines kept, oldest first; nil Lines keep none.
func (l *Lines) Last() []string {
	if l == nil {
		return []string{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Concat(l.lines[l.next:], l.lines[:l.next])
}

// Incidents returns the last things that went wrong, newest first.
func (l *Lines) Incidents() []control.Incident {
	if l == nil {
		return nil
	}
	return l.incidents.last()
}

// NewLog returns a log that writes to w and, unless nil, to lines; in JSON or
// as text.
func NewLog(w io.Writer, asJSON bool, level slog.Level, lines *Lines) *slog.Logger {
	if lines != nil {
		w = io.MultiWriter(w, lines)
	}
	options := &slog.HandlerOptions{Level: level}
	var h slog.Handler = slog.NewTextHandler(w, options)
	if asJSON {
		h = slog.NewJSONHandler(w, options)
	}
	if lines != nil {
		h = &noting{Handler: h, to: &lines.incidents}
	}
	return slog.New(h)
}
