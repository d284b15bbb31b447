package smtpd

import (
	"bytes"
	"fmt"
	"strconv"
	"time"
)

// body is the state of the message text being read.
type body struct {
	text textScanner // DATA only
	left int64       // octets of the BDAT chunk still to come
	last bool        // it is the last chunk
	size int64       // octets so far, of all chunks

	ends time.Time // of the present window; see Limits.DataWindow
	got  int64     // octets in it
}

// readData passes on message text up to its end mark. Text with a fault is
// refused as a whole: the rest is read and dropped, up to the end mark or
// until the client falls silent, for a client whose lines end wrongly also
// ends its message wrongly. What go-smtp sees of such a text is whole lines
// and a proper end mark, so that the two never disagree about where it ends.
func (w *wire) readData() error {
	b := &w.body
	for {
		if err := w.fillBody(); err != nil {
			return err
		}
		p, _ := w.in.Peek(w.in.Buffered())
		clean, used, end := b.text.scan(p)
		w.in.Discard(used)
		if b.size += int64(used); b.size > w.size+w.limits.Excess {
			return errHungUp // it was too large long ago
		}
		if end {
			w.mode = commandMode
		}
		switch {
		case end && b.text.fault != sound:
			w.pending = []byte("x\r\n.\r\n") // the x ends a half-read line of any kind
			return nil
		case clean > 0:
			w.pending = p[:clean]
			return nil
		}
	}
}

// readChunk passes on octets of a BDAT chunk (RFC 3030). A connection that
// ends within a chunk is an error here; go-smtp would take it for the chunk's
// end and, if it is the last one, for a complete message.
func (w *wire) readChunk() error {
	b := &w.body
	if err := w.fillBody(); err != nil {
		return err
	}
	p, _ := w.in.Peek(int(min(int64(w.in.Buffered()), b.left)))
	w.in.Discard(len(p))
	b.left -= int64(len(p))
	if b.size += int64(len(p)); b.size > w.size+w.limits.Excess {
		return errHungUp
	}
	if b.left == 0 {
		w.mode = commandMode
	}
	w.pending = p
	return nil
}

// beginChunk reads the size off a BDAT command. One that go-smtp would not
// understand ends the session: nobody could tell the chunk behind it from
// commands.
func (w *wire) beginChunk(line []byte) error {
	args := bytes.Fields(line)[1:]
	bad := len(args) == 0 || len(args) > 2 || len(args) == 2 && !bytes.EqualFold(args[1], []byte("LAST"))
	var size uint64
	if !bad {
		var err error
		size, err = strconv.ParseUint(string(args[0]), 10, 32)
		bad = err != nil
	}
	if bad {
		return w.hangUp("501 5.5.4 BDAT wants the size of its chunk and perhaps LAST")
	}
	w.body.left, w.body.last = int64(size), len(args) == 2
	w.body.ends, w.body.got = time.Now().Add(w.limits.DataWindow), 0
	if size > 0 {
		w.mode = chunkMode
	}
	return nil
}

// fillBody waits for a piece of the body and watches its pace. Its errors are
// answers.
func (w *wire) fillBody() error {
	b := &w.body
	if w.in.Buffered() > 0 {
		return nil
	}
	deadline := b.ends
	if pause := time.Now().Add(w.limits.FaultPause); b.text.fault != sound && pause.Before(deadline) {
		deadline = pause
	}
	if err := w.fill(deadline); err != nil {
		if expired(err) {
			return reply(421, 4, 4, 2, fmt.Sprintf("message came in too slowly: less than %d octets within %s",
				w.limits.DataMinimum, w.limits.DataWindow))
		}
		return reply(421, 4, 4, 2, "connection lost in the middle of the message")
	}
	if b.got += int64(w.in.Buffered()); b.got >= w.limits.DataMinimum {
		b.ends, b.got = time.Now().Add(w.limits.DataWindow), 0
	}
	return nil
}
