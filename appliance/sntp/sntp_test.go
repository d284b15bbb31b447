package sntp

import (
	"encoding/binary"
	"errors"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// server is a time server whose clock is off by so much, on a real socket.
func server(t *testing.T, off time.Duration, change func([]byte)) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		b := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			if n < 48 {
				continue
			}
			answer := make([]byte, 48)
			answer[0] = 4<<3 | 4 // version 4, a server
			answer[1] = 2        // stratum
			copy(answer[12:], "TEST")
			copy(answer[24:32], b[40:48]) // when it was asked
			now := time.Now().Add(off)
			for _, at := range []int{16, 32, 40} {
				// Seconds since 1900, and a fraction.
				binary.BigEndian.PutUint32(answer[at:], uint32(now.Unix()+2208988800))
				binary.BigEndian.PutUint32(answer[at+4:], uint32(int64(now.Nanosecond())<<32/1e9))
			}
			if change != nil {
				change(answer)
			}
			conn.WriteTo(answer, from)
		}
	}()
	return conn.LocalAddr().String()
}

func TestQuery(t *testing.T) {
	ahead := server(t, 1000*time.Hour, nil)
	a, err := Query(t.Context(), []string{"127.0.0.1:1", ahead})
	if err != nil {
		t.Fatal(err)
	}
	if d := a.Offset - 1000*time.Hour; d.Abs() > time.Minute || a.Server != ahead {
		t.Errorf("offset %s from %s", a.Offset, a.Server)
	}
}

func TestQueryRefuses(t *testing.T) {
	for name, address := range map[string]string{
		"a time nobody will see": server(t, 40*365*24*time.Hour, nil),
		"a clock nobody keeps":   server(t, 0, func(b []byte) { b[0] |= 3 << 6 }),
		"kiss of death":          server(t, 0, func(b []byte) { b[1] = 0; copy(b[12:], "DENY") }),
	} {
		if a, err := Query(t.Context(), []string{address}); err == nil {
			t.Errorf("%s: believed %+v", name, a)
		}
	}
	if _, err := Query(t.Context(), nil); err == nil {
		t.Error("nobody was asked, and there was an answer")
	}
}

func TestAdjustment(t *testing.T) {
	if _, err := adjustment(-time.Hour); !errors.Is(err, ErrBehind) {
		t.Errorf("an hour back: %v", err)
	}
	step, err := adjustment(time.Hour + 1500*time.Millisecond)
	if err != nil || step.Modes != unix.ADJ_SETOFFSET || int64(step.Time.Sec) != 3601 || int64(step.Time.Usec) != 500000 {
		t.Errorf("an hour forward: %+v, %v", step, err)
	}
	slow, err := adjustment(-100 * time.Millisecond)
	if err != nil || slow.Modes != unix.ADJ_OFFSET_SINGLESHOT || int64(slow.Offset) != -100000 {
		t.Errorf("a little back: %+v, %v", slow, err)
	}
}
