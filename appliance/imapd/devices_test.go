package imapd

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"posthorn/store"
)

// mirror is a mail program that believes what it is told.
type mirror struct {
	*client
	uids  []string // "" for a message whose UID is not known yet
	flags map[string]string
}

var (
	existsLine  = regexp.MustCompile(`^\* (\d+) EXISTS$`)
	expungeLine = regexp.MustCompile(`^\* (\d+) EXPUNGE$`)
	fetchLine   = regexp.MustCompile(`^\* (\d+) FETCH \(UID (\d+) FLAGS \((.*)\)\)$`)
)

// say sends a command and believes the answer. EXPUNGE may not come where
// sequence numbers are in use.
func (m *mirror) say(command string, numbers bool) {
	m.t.Helper()
	for _, line := range m.do(command) {
		var n int
		switch {
		case existsLine.MatchString(line):
			fmt.Sscanf(line, "* %d", &n)
			if n < len(m.uids) {
				m.t.Fatalf("%s: EXISTS shrinks from %d: %s", command, len(m.uids), line)
			}
			m.uids = append(m.uids, make([]string, n-len(m.uids))...)
		case expungeLine.MatchString(line):
			fmt.Sscanf(line, "* %d", &n)
			if numbers || n < 1 || n > len(m.uids) {
				m.t.Fatalf("%s: %s with %d messages", command, line, len(m.uids))
			}
			m.uids = slices.Delete(m.uids, n-1, n)
		case fetchLine.MatchString(line):
			f := fetchLine.FindStringSubmatch(line)
			fmt.Sscanf(f[1], "%d", &n)
			if n < 1 || n > len(m.uids) || m.uids[n-1] != "" && m.uids[n-1] != f[2] {
				m.t.Fatalf("%s: %s does not fit what was told: %v", command, line, m.uids)
			}
			m.uids[n-1], m.flags[f[2]] = f[2], f[3]
		}
	}
	if i := slices.Index(m.uids, ""); i >= 0 && !numbers {
		m.say(fmt.Sprintf("FETCH %d:* (UID FLAGS)", i+1), true)
	}
}

// TestManyDevices: several programs change a mailbox at random, one of them
// through the store as a delivery does; in the end each believes what is true.
func TestManyDevices(t *testing.T) {
	b := newBox(t, "")
	random := rand.New(rand.NewPCG(1, 2))
	var mirrors []*mirror
	for range 4 {
		m := &mirror{client: b.login(), flags: map[string]string{}}
		m.say("SELECT INBOX", false)
		mirrors = append(mirrors, m)
	}
	flag := func() string {
		all := []string{`\Seen`, `\Flagged`, `\Deleted`, `$Work`, `\Seen $Home`}
		return all[random.IntN(len(all))]
	}
	for range 700 {
		m := mirrors[random.IntN(len(mirrors))]
		n := random.IntN(len(m.uids)+1) + 1
		some := fmt.Sprintf("%d:%d", n, n+random.IntN(4))
		sign := []string{"", "+", "-"}[random.IntN(3)]
		silent := []string{"", ".SILENT"}[random.IntN(2)]
		switch random.IntN(12) {
		case 0, 1, 2:
			b.put("INBOX", "Subject: x\r\n\r\ny")
		case 3, 4:
			command := fmt.Sprintf("STORE %s %sFLAGS%s (%s)", some, sign, silent, flag())
			if silent != "" {
				// What it asks for is what it then believes.
				m.say("NOOP", false)
				m.say(command, true)
				m.say("FETCH 1:* (UID FLAGS)", true)
				continue
			}
			m.say(command, true)
		case 5:
			m.say(fmt.Sprintf("UID STORE %d:* %sFLAGS (%s)", n, sign, flag()), false)
		case 6:
			m.say("EXPUNGE", false)
		case 7:
			m.say("FETCH "+some+" (UID FLAGS)", true)
		case 8:
			m.say("COPY "+some+" INBOX", false)
		case 9:
			m.say("MOVE "+some+" Trash", false)
		default:
			m.say("NOOP", false)
		}
	}
	truth := map[string]string{}
	var order []string
	err := b.store.View(func(tx *store.Tx) error {
		mb, err := tx.MailboxByName(b.alice, "INBOX")
		if err != nil {
			return err
		}
		for e, err := range tx.Entries(mb.ID, 1, 0) {
			if err != nil {
				return err
			}
			var names []string
			for _, f := range fromFlags(e.Flags, e.Keywords) {
				names = append(names, string(f))
			}
			uid := fmt.Sprint(e.UID)
			order = append(order, uid)
			truth[uid] = strings.Join(names, " ")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range mirrors {
		m.say("NOOP", false)
		if !slices.Equal(m.uids, order) {
			t.Errorf("program %d believes in\n%v, there are\n%v", i, m.uids, order)
		}
		for uid, flags := range truth {
			if m.flags[uid] != flags {
				t.Errorf("program %d believes %s has %q, it has %q", i, uid, m.flags[uid], flags)
			}
		}
	}
}
