package smtpd

import (
	"bufio"
	"fmt"
	"strings"
	"testing"
)

// BenchmarkDelivery sends mail of 4 KB over loopback, synced to disk, from 1,
// 8 and 32 sessions at once, each keeping its connection.
func BenchmarkDelivery(b *testing.B) {
	message := "From: friend@example.com\r\nSubject: benchmark\r\n\r\n" + filling(4000) + ".\r\n"
	for _, sessions := range []int{1, 8, 32} {
		b.Run(fmt.Sprintf("sessions=%d", sessions), func(b *testing.B) {
			box := newBox(b, boxOptions{dir: b.TempDir()})
			var clients []*client
			for range sessions {
				c := box.dial(b, "25")
				c.expect("220")
				c.send("EHLO bench.example")
				c.expect("250")
				clients = append(clients, c)
			}
			jobs := make(chan struct{})
			done := make(chan error, sessions)
			for _, c := range clients {
				go func() {
					for range jobs {
						if err := c.transaction(message); err != nil {
							done <- err
							return
						}
					}
					done <- nil
				}()
			}
			b.SetBytes(int64(len(message)))
			b.ResetTimer()
			for range b.N {
				select {
				case jobs <- struct{}{}:
				case err := <-done:
					b.Fatal(err)
				}
			}
			close(jobs)
			for range sessions {
				if err := <-done; err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "mails/s")
		})
	}
}

// transaction is one message with pipelining.
func (c *client) transaction(message string) error {
	in := bufio.NewReader(c.conn)
	answer := func(want string) error {
		if s, err := in.ReadString('\n'); err != nil || !strings.HasPrefix(s, want) {
			return fmt.Errorf("server says %q (%v), want %s", s, err, want)
		}
		return nil
	}
	if _, err := fmt.Fprintf(c.conn, "MAIL FROM:<a@example.com>\r\nRCPT TO:<alice@mailbox.local>\r\nDATA\r\n"); err != nil {
		return err
	}
	for _, want := range []string{"250", "250", "354"} {
		if err := answer(want); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprint(c.conn, message); err != nil {
		return err
	}
	return answer("250")
}
