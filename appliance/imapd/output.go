package imapd

import (
	"net"
	"sync"
	"time"
)

// output gathers what is to be sent. The library flushes after every response
// line, which would be one TLS record and one packet each; here lines go out
// when the server turns to wait for the client, when 16 KB are together, or, in
// an IDLE, after a few milliseconds.
type output struct {
	mu     sync.Mutex
	raw    net.Conn
	pool   *sync.Pool // of *[]byte with capacity gather
	buf    *[]byte    // nil while nothing is waiting, so that an idle client costs no buffer
	err    error      // the first failure; nothing is sent after it
	prompt bool       // in IDLE: nobody will turn to read, so a timer flushes
	timer  *time.Timer
}

// write takes p into the buffer, sending whenever it is full.
func (o *output) write(p []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(p) > 0 && o.err == nil {
		if o.buf == nil {
			o.buf = o.pool.Get().(*[]byte)
		}
		n := min(gather-len(*o.buf), len(p))
		*o.buf = append(*o.buf, p[:n]...)
		p = p[n:]
		if len(*o.buf) == gather {
			o.send()
		}
	}
	if o.prompt && o.buf != nil && o.err == nil {
		if o.timer == nil {
			o.timer = time.AfterFunc(idleFlush, func() { o.flush() })
		} else {
			o.timer.Reset(idleFlush)
		}
	}
	return o.err
}

// flush sends what was gathered.
func (o *output) flush() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.send()
	return o.err
}

// send writes the buffer to the socket and gives it back. The caller holds mu.
// A reader who is merely slow gets the full stall time for every buffer.
func (o *output) send() {
	if o.buf == nil {
		return
	}
	if o.err == nil {
		o.raw.SetWriteDeadline(time.Now().Add(stall))
		if _, err := o.raw.Write(*o.buf); err != nil {
			o.err = err
			// Wakes the goroutine that waits for this client; otherwise an
			// IDLE with a dead peer would be noticed only at its time limit.
			o.raw.Close()
		}
	}
	*o.buf = (*o.buf)[:0]
	o.pool.Put(o.buf)
	o.buf = nil
}

// failed says whether the client takes nothing any more.
func (o *output) failed() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err != nil
}

// setPrompt switches the timer for IDLE on or off.
func (o *output) setPrompt(on bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.prompt = on
}

// close sends what is left and refuses whatever comes later.
func (o *output) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.send()
	if o.err == nil {
		o.err = net.ErrClosed
	}
	if o.timer != nil {
		o.timer.Stop()
	}
}

// replace goes on over TLS. The caller has flushed.
func (o *output) replace(raw net.Conn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.raw = raw
}
