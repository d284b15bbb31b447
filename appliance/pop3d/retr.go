package pop3d

import (
	"bufio"
	"context"
	"errors"
	"io"
	"slices"

	"posthorn/store"
)

// cmdRetr is RETR (RFC 1939 section 5). Flags stay as they are: a phone that
// reads by IMAP goes on showing the message as new.
func (x *session) cmdRetr(_ context.Context, args []string) {
	if m := x.message(args[0]); m != nil {
		x.send(m, wholeMessage)
	}
}

// cmdTop is TOP (RFC 1939 section 7): the header, and so many lines.
func (x *session) cmdTop(_ context.Context, args []string) {
	m := x.message(args[0])
	if m == nil {
		return
	}
	lines, ok := number(args[1])
	if !ok {
		x.bad("the number of lines is 0 or more")
		return
	}
	x.send(m, lines)
}

// send answers with the message, streamed from its blob; bodyLines is how
// many lines follow the header. When the
// body turns out to be damaged on the way, the connection is cut: without the
// final dot no client takes the half for the whole, nor deletes it. A message
// sent whole is fetched, also by TOP: fetchmail asks for 99999999 lines
// when it leaves mail on the server.
func (x *session) send(m *item, bodyLines int64) {
	// A body of n octets has less than n lines.
	body, err := x.open(m, bodyLines == wholeMessage || bodyLines >= m.size)
	if err != nil {
		x.log.Warn("pop3 message cannot be read", "uid", m.uid, "error", err)
		x.conn.fail("%s", failure(err))
		return
	}
	defer body.Close()
	in := bufio.NewReaderSize(body, 16<<10)
	if _, err := in.Peek(1); err != nil && err != io.EOF {
		x.log.Error("pop3 message cannot be read", "uid", m.uid, "error", err)
		x.conn.fail("%s", failure(err))
		return
	}
	if bodyLines == wholeMessage {
		x.conn.ok("%d octets", m.size)
	} else {
		x.conn.ok("top of message follows")
	}
	out := dotWriter{w: x.conn.w, bodyLines: bodyLines}
	_, err = io.Copy(&out, in)
	whole := err == nil
	if whole || errors.Is(err, errTopDone) {
		err = out.close()
	}
	x.drop.sent += out.octets
	if err != nil {
		x.log.Warn("pop3 message broken off", "uid", m.uid, "sent", out.octets, "error", err)
		x.conn.net.Close()
		x.over = true
		return
	}
	if whole && m.marks&fetched == 0 {
		m.marks |= fetched
		x.drop.fetches++
	}
}

// open opens the message's body, unless another program removed it. One that
// its sender may withdraw is marked as fetched before the first octet goes out,
// if it is to go out whole: the sender is not to be told that nobody has it.
func (x *session) open(m *item, whole bool) (*store.BlobReader, error) {
	var blob store.Blob
	mark := false
	err := x.server.Store.View(func(tx *store.Tx) error {
		e, err := tx.Entry(x.drop.mailbox, m.uid)
		if err != nil {
			return err
		}
		msg, err := tx.Message(e.Message)
		if err != nil {
			return err
		}
		blob = msg.Blob
		if !slices.Contains(e.Keywords, Fetched) {
			mark, err = tx.IsSent(e.Message)
		}
		return err
	})
	if err == nil && whole && mark {
		err = x.server.Store.Update(func(tx *store.Tx) error {
			e, err := tx.Entry(x.drop.mailbox, m.uid)
			if err != nil {
				return err
			}
			return keyword(tx, x.drop.mailbox, e)
		})
		if errors.Is(err, store.ErrFull) {
			err = nil // reading goes on when nothing more can be written
		}
	}
	if err != nil {
		return nil, err
	}
	return x.server.Store.OpenBlob(blob)
}
