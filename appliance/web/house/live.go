package house

import (
	"fmt"
	"net/http"
	"time"

	"posthorn/appliance/events"
	"posthorn/appliance/web/page"
	"posthorn/appliance/web/session"
)

// Limits of the streams of events.
const (
	maxStreams          = 30 // of everybody
	maxStreamsPerPerson = 4
	// streamGap is the least time between two events of a stream, streamEvery
	// the longest: some of what is shown nobody announces.
	streamGap   = 2 * time.Second
	streamEvery = 15 * time.Second
)

// events tells a browser that there is something new to see, which it then
// fetches. It carries no data, so that nothing can go to the wrong person.
func (h *House) events(w http.ResponseWriter, r *http.Request) {
	who := session.From(r.Context()).Account
	if !h.streams.Take(who) {
		h.area.Fail(w, r, page.Refuse(http.StatusTooManyRequests, "status.streams"))
		return
	}
	defer h.streams.Leave(who)
	out := http.NewResponseController(w)
	head := w.Header()
	head.Set("Content-Type", "text/event-stream")
	head.Set("Cache-Control", "no-store")
	watch := h.Hub.Watch(events.All)
	defer watch.Close()
	for n := 1; ; n++ {
		if _, err := fmt.Fprintf(w, "data: %d\n\n", n); err != nil || out.Flush() != nil {
			return
		}
		if !pause(r, streamGap, nil) || !pause(r, streamEvery-streamGap, watch.C()) {
			return
		}
	}
}

// pause waits for a time or a wake-up; it returns false when the browser is
// gone, or the box stops.
func pause(r *http.Request, d time.Duration, wake <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake:
	case <-r.Context().Done():
		return false
	}
	return true
}
