package mail

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"posthorn/appliance/events"
	"posthorn/appliance/web/page"
	"posthorn/store"
)

// Limits of streams of events.
const (
	maxStreams = 8 // of one person at once; a browser without HTTP/2 has six connections
	// streamPulse is how often something is written, so that both ends notice
	// when the other is gone.
	streamPulse = 30 * time.Second
	// streamGap is the least time between two events: a mailbox that is filled
	// is not listed anew for each message.
	streamGap = 500 * time.Millisecond
	// prepareGap is the pause between two steps of making digests: a board with
	// one core has other things to do.
	prepareGap = 100 * time.Millisecond
)

// news is one event: what changed in a person's mail.
type news struct {
	Counts map[store.MailboxID]uint32 `json:"counts"` // the number beside each folder
	State  uint64                     `json:"state"`  // of the folder that is shown; another one: list it anew
}

// events tells a page what changes, as server-sent events. While it is open the
// digests of the folder it shows are made.
func (m *Mail) events(w http.ResponseWriter, r *http.Request) {
	acct := account(r)
	if !m.streams.Take(acct) {
		m.area.Fail(w, r, page.Refuse(http.StatusTooManyRequests, "mail.streams"))
		return
	}
	defer m.streams.Leave(acct)
	var shown *store.Mailbox
	err := m.Store.View(func(tx *store.Tx) (err error) {
		if s := r.URL.Query().Get("mailbox"); s != "" && s != "0" {
			shown, err = mailbox(tx, acct, s)
		}
		return err
	})
	if err != nil {
		m.area.Fail(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	s := &stream{m: m, w: w, acct: acct, shown: shown}
	if err := s.run(r); err != nil && r.Context().Err() == nil {
		m.Site.Log.Debug("stream of events ended", "account", acct, "error", err)
	}
}

// stream is one stream of events.
type stream struct {
	m     *Mail
	w     http.ResponseWriter
	acct  store.AccountID
	shown *store.Mailbox // nil for a page that lists no one folder
	last  string
}

func (s *stream) run(r *http.Request) error {
	watch := s.m.Hub.Watch(events.Account(s.acct))
	defer watch.Close()
	pulse := time.NewTicker(streamPulse)
	defer pulse.Stop()
	for more := s.shown != nil; ; {
		if s.m.Site.Sessions.Ended(r) {
			return nil // who is logged out sees nothing more
		}
		if err := s.look(watch); err != nil {
			return err
		}
		if more {
			var err error
			if more, err = s.m.index.Prepare(s.shown); err != nil {
				return err
			}
			select {
			case <-r.Context().Done():
				return nil
			case <-time.After(prepareGap):
				continue
			}
		}
		select {
		case <-r.Context().Done():
			return nil
		case <-watch.C():
			select { // more may follow at once
			case <-r.Context().Done():
				return nil
			case <-time.After(streamGap):
			}
		case <-pulse.C:
			if err := s.write(":\n\n"); err != nil {
				return err
			}
		}
	}
}

// look reads how things are and tells it if it is new. The mailboxes are
// watched before they are read.
func (s *stream) look(watch *events.Watcher) error {
	var folders []*folder
	read := func() error {
		return s.m.Store.View(func(tx *store.Tx) (err error) {
			folders, err = folderList(tx, s.acct, 0)
			return err
		})
	}
	if err := read(); err != nil {
		return err
	}
	topics := []events.Topic{events.Account(s.acct)}
	for _, f := range folders {
		topics = append(topics, events.Mailbox(f.ID))
	}
	watch.Set(topics...)
	if err := read(); err != nil {
		return err
	}
	n := news{Counts: make(map[store.MailboxID]uint32, len(folders))}
	for _, f := range folders {
		n.Counts[f.ID] = f.Count()
		if s.shown != nil && s.shown.ID == f.ID {
			n.State = f.ModSeq
		}
	}
	text, err := json.Marshal(n)
	if err != nil || string(text) == s.last {
		return err
	}
	s.last = string(text)
	return s.write(fmt.Sprintf("event: news\ndata: %s\n\n", text))
}

func (s *stream) write(text string) error {
	c := http.NewResponseController(s.w)
	if err := c.SetWriteDeadline(time.Now().Add(streamPulse)); err != nil {
		return err
	}
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return c.Flush()
}
