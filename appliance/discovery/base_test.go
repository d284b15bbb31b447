package discovery

import (
	"log/slog"
	"net/netip"
	"testing"

	"github.com/miekg/dns"
)

// The base answers QU questions and no others, so that no question is
// answered twice.
func TestBaseAnswersQUOnly_5_4(t *testing.T) {
	b := &base{log: slog.New(slog.DiscardHandler)}
	set := buildRecords("mailbox", "Home Mail", testServices(), []netip.Addr{netip.MustParseAddr("192.168.7.20")}, nil)
	question := ask("Home\\ Mail._imaps._tcp.local.", dns.TypeSRV).Question[0]
	if b.Records(question) != nil {
		t.Error("answered before anything is claimed")
	}
	b.show(set)
	if b.Records(question) != nil {
		t.Error("answered a question that is not QU")
	}
	question.Qclass |= topBit
	want := "!Home\\ Mail._imaps._tcp.local. SRV 0 0 993 mailbox.local.\n" + hostA + "\n" + hostNSEC
	if got := texts(b.Records(question)); got != want {
		t.Errorf("%s", got)
	}
	question.Name = "other.local."
	if b.Records(question) != nil {
		t.Error("answered for another's name")
	}
}

func TestBaseFits(t *testing.T) {
	b := &base{log: slog.New(slog.DiscardHandler)}
	if !b.fits(nil) || !b.fits([]Link{eth, wlan}) || b.fits([]Link{eth}) {
		t.Error("it runs on one link and no other number")
	}
}
