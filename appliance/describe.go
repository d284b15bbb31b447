package appliance

import (
	"time"

	"posthorn/appliance/control"
	"posthorn/appliance/diary"
	"posthorn/appliance/panel"
)

// counters are what the diary counts: messages that came in and that went out.
func (b *Box) counters() (in, out int64) { return b.office.Delivered(), b.queue.Sent() }

// describe adds what a running box knows to a status.
func (b *Box) describe(st *control.Status) {
	st.Version, st.Running, st.Since = b.config.Version, true, b.started.UTC().Truncate(time.Second)
	st.Hostname, st.ClockSet, st.Authority = b.config.Hostname, b.clock.Set(), b.certs.Fingerprint()
	for _, s := range b.services {
		st.Services = append(st.Services, control.Service{Name: s.name, Address: s.Addr().String(),
			Open: int(s.open.Load()), Total: s.total.Load()})
	}
	if !st.ClockSet {
		st.Trouble("clock", "the clock is not set: dates of new mail may be wrong until the network tells the time")
	}
	b.describeNetwork(st)
	if f, err := b.queue.Facts(); err == nil {
		st.Waiting, st.Failing, st.LastSent = f.Waiting, f.Failing, f.LastSent
		if f.Reason != "" {
			st.Trouble("queue", "mail can't leave: "+f.Reason+"; posthorn outbox list shows what waits", f.Reason)
		}
	}
	if err := b.health.last(); err != nil {
		st.Trouble("server", err.Error(), err.Error())
	}
	st.Incidents = b.config.Lines.Incidents()
	st.Temperature = panel.Temperature("/sys")
	st.Certificate.Authority, st.Certificate.Until = st.Authority, b.certs.Until()
	st.Certificate.Own, st.Certificate.OwnUntil, _ = b.certs.Own()
	if days, err := b.diary.Days(); err == nil { // else there is no chart
		st.Days = days
		if left, ok := diary.Forecast(days); ok {
			st.FullIn = left
		}
	}
}
