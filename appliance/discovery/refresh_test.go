//go:build netns

package discovery

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/miekg/dns"
	xipv4 "golang.org/x/net/ipv4"
)

// Apple's responder keeps a record by asking for it again, with QM questions
// at 80, 85, 90 and 95 % of its life, and counts multicast answers only.

// heard is what the asker reports for each question.
type heard struct {
	Percent         int
	Multicast       bool
	Unicast         bool
	Host, Instance  bool
	TTL             uint32
	MillisecondsLag int64
}

// refresh asks so for some rounds of the host's TTL and prints what came.
func refresh(rounds int) int {
	out := json.NewEncoder(os.Stdout)
	conn, err := listen("udp4", "0.0.0.0:5353")
	if err == nil {
		var ifi *net.Interface
		if ifi, err = net.InterfaceByName("eth0"); err == nil {
			err = asker(xipv4.NewPacketConn(conn), ifi, rounds, out)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func asker(c *xipv4.PacketConn, ifi *net.Interface, rounds int, out *json.Encoder) error {
	if err := c.JoinGroup(ifi, group4()); err != nil {
		return err
	}
	if err := c.SetMulticastInterface(ifi); err != nil {
		return err
	}
	if err := c.SetControlMessage(xipv4.FlagDst, true); err != nil {
		return err
	}
	m := ask("mailbox.local.", dns.TypeA)
	m.Question = append(m.Question, ask("Mail._imaps._tcp.local.", dns.TypeSRV).Question...)
	question, err := m.Pack()
	if err != nil {
		return err
	}
	begin := time.Now()
	for range rounds {
		for _, percent := range []int{80, 85, 90, 95} {
			time.Sleep(time.Until(begin.Add(hostTTL * time.Second * time.Duration(percent) / 100)))
			asked := time.Now()
			if _, err := c.WriteTo(question, nil, group4()); err != nil {
				return err
			}
			h := heard{Percent: percent}
			if err := c.SetReadDeadline(asked.Add(2 * time.Second)); err != nil {
				return err
			}
			buf := make([]byte, maxPacket)
			for {
				n, cm, _, err := c.ReadFrom(buf)
				if err != nil {
					break
				}
				var answer dns.Msg
				if answer.Unpack(buf[:n]) != nil || !answer.Response {
					continue
				}
				h.note(&answer, cm.Dst.IsMulticast(), time.Since(asked))
			}
			out.Encode(h)
		}
		begin = time.Now()
	}
	return nil
}

func (h *heard) note(answer *dns.Msg, multicast bool, lag time.Duration) {
	for _, r := range answer.Answer {
		switch r.Header().Name {
		case "mailbox.local.":
			h.Host, h.TTL, h.MillisecondsLag = true, r.Header().Ttl, lag.Milliseconds()
		case "Mail._imaps._tcp.local.":
			h.Instance = true
		}
	}
	h.Multicast = h.Multicast || multicast
	h.Unicast = h.Unicast || !multicast
}

func TestAppleRefreshForFiveMinutes(t *testing.T) {
	l := newLAN(t)
	seeker, home := l.newHost(), l.newHost()
	seeker.address(seeker.addr)
	home.address(home.addr)
	home.box("mailbox", "Mail").claims(t, "mailbox", 5*time.Second)
	const rounds = 3
	cmd := exec.Command("ip", "netns", "exec", seeker.ns, os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("POSTHORN_ASKER=%d", rounds))
	cmd.Stderr = prefixed{seeker.ns, t}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	questions := 0
	for in := json.NewDecoder(out); ; questions++ {
		var h heard
		if in.Decode(&h) != nil {
			break
		}
		t.Logf("%+v", h)
		if !h.Multicast || h.Unicast || !h.Host || !h.Instance || h.TTL != hostTTL {
			t.Errorf("not kept: %+v", h)
		}
	}
	if questions != 4*rounds {
		t.Errorf("%d questions asked", questions)
	}
}
