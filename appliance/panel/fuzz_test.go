package panel

import (
	"testing"

	"posthorn/hw"
	"posthorn/hw/font"
)

// FuzzText feeds names, senders and subjects, which strangers write, to every
// page: nothing but what a display can show comes out, and no page fails.
func FuzzText(f *testing.F) {
	for _, s := range []string{"Zoë Müller", "\xff\x00\x1b[31m", "e\u0301\u202e", "日本語 🎉", "Ѣ ǅ ﬁ ẞ \\~"} {
		f.Add(s, s)
	}
	face := font.Fixed6x10()
	f.Fuzz(func(t *testing.T, name, subject string) {
		for _, r := range onLCD(subject) {
			if !lcdHas(r) {
				t.Fatalf("%q on an LCD has %q", subject, r)
			}
		}
		for _, r := range drawable(face, subject) {
			if !face.Has(r) && r != font.Replacement {
				t.Fatalf("%q on an OLED has %q", subject, r)
			}
		}
		h := household()
		h.People = h.People[:2]
		h.People[0].Name, h.People[0].Quota, h.Household = name, 101, name
		h.Latest.Sender, h.Latest.Subject, h.Queue = name, subject, Queue{Failing: 1, Reason: subject}
		for _, size := range hw.Sizes() {
			for _, v := range []View{{Page: Home}, {Page: People}, {Page: Alerts, Alert: h.alerts()[0]}} {
				for v.Part = range min(Parts(h, v, size), 4) {
					Draw(h, v, size)
				}
			}
		}
	})
}
