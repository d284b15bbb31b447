package smtpd

import (
	"strings"
	"testing"
	"time"
)

func TestTakeHold(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct{ line, rest, until, refusal string }{
		{"MAIL FROM:<a@b>", "MAIL FROM:<a@b>", "", ""},
		{"MAIL FROM:<a@b> HOLDFOR=3600 SIZE=5", "MAIL FROM:<a@b> SIZE=5", "2026-11-22T13:00:00Z", ""},
		{"mail from:<a@b> holduntil=2026-12-24t18:00:00+01:00", "mail from:<a@b>", "2026-12-24T17:00:00Z", ""},
		{"MAIL FROM:<a@b> HOLDUNTIL=2020-01-01T00:00:00Z", "MAIL FROM:<a@b>", "2020-01-01T00:00:00Z", ""},
		{"MAIL FROM:<a@b> HOLDFOR=1 HOLDUNTIL=2026-12-24T18:00:00Z", "", "", "501 5.5.4 HOLDFOR or HOLDUNTIL can be given once"},
		{"MAIL FROM:<a@b> HOLDFOR=-1", "", "", "501 5.5.4 HOLDFOR is a number"},
		{"MAIL FROM:<a@b> HOLDFOR=99999999999", "", "", "501 5.5.4 HOLDFOR is a number"},
		{"MAIL FROM:<a@b> HOLDFOR", "", "", "501 5.5.4 HOLDFOR is a number"},
		{"MAIL FROM:<a@b> HOLDUNTIL=tomorrow", "", "", "501 5.5.4 HOLDFOR is a number"},
		{"MAIL FROM:<a@b> HOLDFOR=99999999", "", "", "501 5.5.4 a message can be held for a year at most"},
	} {
		rest, until, refusal := takeHold([]byte(test.line+"\r\n"), now)
		got := ""
		if !until.IsZero() {
			got = until.UTC().Format(time.RFC3339)
		}
		if strings.TrimSuffix(string(rest), "\r\n") != test.rest || got != test.until || !strings.HasPrefix(refusal, test.refusal) || refusal != "" && test.refusal == "" {
			t.Errorf("%q: %q, %s, %q", test.line, rest, got, refusal)
		}
	}
}
