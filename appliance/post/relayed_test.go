package post

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"posthorn/store"
)

func TestRelayedDevices(t *testing.T) {
	o := house(t, store.Options{}, func(s *store.Settings) {
		s.Sending = store.SendDirect
		s.RelayFrom = []string{"192.168.1.20", "fd00:1::/64", "nonsense", "192.168.1.30 door@example.org"}
	})
	try := func(client, from, to string) error {
		t.Helper()
		e := &Envelope{From: from, Remote: netip.MustParseAddr(client), Protocol: "SMTP"}
		r, err := o.Resolve(t.Context(), e, to)
		if err != nil {
			return err
		}
		e.Recipients = []Recipient{r}
		_, err = o.Accept(t.Context(), e, strings.NewReader("Subject: alarm\r\n\r\nfire\r\n"))
		return err
	}
	for _, test := range []struct {
		client, from, to string
		want             error
	}{
		{"192.168.1.20", "alerts@example.org", "me@far.example", nil},
		{"::ffff:192.168.1.20", "alerts@example.org", "me@far.example", nil},
		{"fd00:1::7", "camera@mailbox.local", "me@far.example", nil},
		{"192.168.1.21", "alerts@example.org", "me@far.example", ErrNotLocal},
		{"192.168.1.20", "alerts@other.example", "me@far.example", ErrNotLocal},
		{"192.168.1.20", "", "me@far.example", ErrNotLocal},
		{"192.168.1.30", "Door@example.org", "me@far.example", nil},
		{"192.168.1.30", "alerts@example.org", "me@far.example", ErrNotLocal},
		{"192.168.1.20", "alerts@example.org", "away@example.org", nil}, // an alias that leads elsewhere
		{"192.168.1.21", "alerts@example.org", "away@example.org", ErrNotLocal},
	} {
		if err := try(test.client, test.from, test.to); !errors.Is(err, test.want) || test.want == nil && err != nil {
			t.Errorf("%s as <%s> to <%s>: %v, want %v", test.client, test.from, test.to, err, test.want)
		}
	}
	// No more than so many an hour leave; mail for the house still comes in.
	var err error
	for range MaxRelayed {
		if err = try("192.168.1.20", "alerts@example.org", "me@far.example"); err != nil {
			break
		}
	}
	if !errors.Is(err, ErrRelayed) {
		t.Errorf("more than %d an hour: %v", MaxRelayed, err)
	}
	if err := try("192.168.1.20", "alerts@example.org", "bob@example.org"); err != nil {
		t.Errorf("mail for the house: %v", err)
	}
}

func TestParseDevice(t *testing.T) {
	for text, want := range map[string]string{"10.0.0.7": "10.0.0.7", "10.0.0.7/8": "10.0.0.0/8", "fd00::1": "fd00::1",
		"10.0.0.7 alerts@example.org  door@example.org": "10.0.0.7 alerts@example.org door@example.org",
		"10.0.0.7 alerts": "", "0.0.0.0/0": "", "::/0": "", "camera": "", "": ""} {
		d, err := ParseDevice(text)
		if want == "" && err == nil || want != "" && (err != nil || d.String() != want) {
			t.Errorf("%q: %v, %v; want %q", text, d, err, want)
		}
	}
}
