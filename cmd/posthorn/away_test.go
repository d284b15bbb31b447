package main

import (
	"strings"
	"testing"
)

func TestVacationAndForwardCommands(t *testing.T) {
	s := newShell(t)
	s.do("account add alice --password-stdin")
	for _, c := range []struct{ line, says string }{
		{"vacation show alice", "alice has no automatic answer\n"},
		{"vacation off alice", "mail for alice is not answered by itself any more\n"},
		{"vacation set alice --text away --from 2026-12-24 --until 2027-01-02", "mail for alice is answered from 2026-12-24 until 2027-01-02\n"},
		{"vacation show alice", "mail for alice is answered from 2026-12-24 until 2027-01-02:\n\naway\n"},
		{"vacation off alice", "mail for alice is not answered by itself any more\n"},
		{"vacation show alice", "mail for alice is not answered; the answer would be:\n\naway\n"},
		{"vacation set alice --subject Gone", "mail for alice is answered from now on until posthorn vacation off\n"}, // text from standard input
		{"vacation show alice", "mail for alice is answered from now on until posthorn vacation off:\n\nSubject: Gone\n\na good password\n"},
		{"forward show alice", "mail for alice is not forwarded\n"},
		{"forward set alice a@work.example b@work.example", "mail for alice is kept, and copied to a@work.example, b@work.example\n"},
		{"forward set alice a@work.example --move", "mail for alice goes to a@work.example instead of the mailbox\n"},
		{"forward show alice", "mail for alice goes to a@work.example instead of the mailbox\n"},
		{"forward off alice", "mail for alice is not forwarded any more\n"},
		{"sent list alice", "alice sent nothing in the last 30 days\n"},
	} {
		if out := s.do(c.line); out != c.says {
			t.Errorf("%s says %q, want %q", c.line, out, c.says)
		}
	}
	if out := s.do("vacation show alice --json"); !strings.Contains(out, `"on": true`) {
		t.Errorf("vacation show --json says %s", out)
	}
	s.fails(exitFailed, "is no day like", "vacation set alice --text x --from tomorrow")
	s.fails(exitFailed, "before it begins", "vacation set alice --text x --from 2026-12-24 --until 2026-12-01")
	s.fails(exitFailed, "not a mail address", "forward set alice nobody")
	s.fails(exitFailed, "not found", "forward show bob")
	s.fails(exitUsage, "missing", "forward set alice")
	s.fails(exitFailed, "not a message you sent", "sent withdraw alice x@y")
	s.fails(exitFailed, "the alias loop leads back to itself", "alias add loop loop")
	s.do("alias add alice alice a@work.example")
}
