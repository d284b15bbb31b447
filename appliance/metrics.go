package appliance

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"posthorn/store"
)

// metrics is what /metrics shows. Figures of the store and the ports are read
// when they are asked for; nothing is counted twice.
type metrics struct {
	registry *prometheus.Registry
	commits  prometheus.Counter
	box      *Box
}

var (
	descConns    = desc("connections_open", "Connections now.", "service")
	descAccepted = desc("connections_total", "Connections since the start.", "service")
	descFree     = desc("disk_free_bytes", "Octets free on the disk.")
	descReserve  = desc("disk_reserve_bytes", "Octets of disk below which new mail is refused.")
	descUsed     = desc("store_bytes", "Octets of the store's files.")
	descFull     = desc("store_full", "1 while new mail is refused because the disk is full.")
	descCorrupt  = desc("store_damaged_records", "Damaged records met since the start.")
	descMessages = desc("account_messages", "Messages in an account's mailboxes.", "account")
	descBytes    = desc("account_bytes", "Octets of mail of an account.", "account")
	descClock    = desc("clock_set", "1 when the clock can be believed.")
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("posthorn_"+name, help, labels, nil)
}

func newMetrics(b *Box) *metrics {
	m := &metrics{registry: prometheus.NewRegistry(), box: b, commits: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "posthorn_commits_total", Help: "Commits of the store since the start."})}
	m.registry.MustRegister(m, m.commits, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 2})
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descConns, descAccepted, descFree, descReserve, descUsed,
		descFull, descCorrupt, descMessages, descBytes, descClock} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for _, s := range m.box.services {
		gauge(descConns, float64(s.open.Load()), s.name)
		ch <- prometheus.MustNewConstMetric(descAccepted, prometheus.CounterValue, float64(s.total.Load()), s.name)
	}
	h := m.box.store.Health()
	gauge(descFree, float64(h.Free))
	gauge(descReserve, float64(h.Reserve))
	gauge(descUsed, float64(h.Used))
	gauge(descFull, oneIf(h.Full))
	gauge(descCorrupt, float64(h.Corrupt))
	gauge(descClock, oneIf(m.box.clock.Set()))
	err := m.box.store.View(func(tx *store.Tx) error {
		all, err := tx.Accounts()
		if err != nil {
			return err
		}
		for _, a := range all {
			u, err := tx.Usage(a.ID)
			if err != nil {
				return err
			}
			gauge(descMessages, float64(u.Messages), a.Name)
			gauge(descBytes, float64(u.Bytes), a.Name)
		}
		return nil
	})
	if err != nil {
		ch <- prometheus.NewInvalidMetric(descMessages, err)
	}
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
