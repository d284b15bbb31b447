package main

import (
	"golang.org/x/sys/unix"

	"posthorn/hw/softpanel"
)

// From include/uapi/linux/i2c.h and i2c-dev.h.
const (
	i2cFuncs = 0x0705
	i2cRdwr  = 0x0707

	funcI2C     = 0x1
	readFlag    = 0x1
	maxMessages = 42
	maxLength   = 8192
)

// adapter is what stands between the ioctls and the bus.
type adapter struct {
	bus    *softpanel.Bus
	before func() // called before each transaction
}

// message is struct i2c_msg.
type message struct {
	addr, flags, length uint16
	at                  uint64
}

func (m message) span() span { return span{m.at, uint64(m.length)} }
func (m message) read() bool { return m.flags&readFlag != 0 }

// ioctl answers one step of an ioctl.
func (a *adapter) ioctl(c ioctl) answer {
	switch c.cmd {
	case i2cFuncs:
		long := order.AppendUint64(nil, funcI2C) // an unsigned long
		if c.small {
			long = order.AppendUint32(nil, funcI2C)
		}
		if c.room == 0 {
			return answer{retry: true, out: []span{{c.arg, uint64(len(long))}}}
		}
		return answer{data: long}
	case i2cRdwr:
		return a.transaction(c)
	}
	return answer{result: -int32(unix.ENOTTY)}
}

// transaction goes in three steps, because the kernel has to be told which
// memory of the caller to copy: first struct i2c_rdwr_ioctl_data, then the
// messages it points to, then the bytes these point to.
func (a *adapter) transaction(c ioctl) answer {
	head, each := uint64(16), uint64(16)
	if c.small {
		head, each = 8, 12
	}
	in := []span{{c.arg, head}}
	if uint64(len(c.in)) < head {
		return answer{retry: true, in: in}
	}
	base, count := pointer(c.in, c.small)
	if count == 0 || count > maxMessages {
		return answer{result: -int32(unix.EINVAL)}
	}
	in = append(in, span{base, uint64(count) * each})
	have := c.in[head:]
	if uint64(len(have)) < uint64(count)*each {
		return answer{retry: true, in: in}
	}
	var list []message
	var out []span
	written, read := 0, 0
	for range count {
		m := readMessage(have, c.small)
		have = have[each:]
		list = append(list, m)
		switch {
		case m.length > maxLength:
			return answer{result: -int32(unix.EINVAL)}
		case m.length == 0:
		case m.read():
			out, read = append(out, m.span()), read+int(m.length)
		default:
			in, written = append(in, m.span()), written+int(m.length)
		}
	}
	if len(have) != written || c.room != read {
		return answer{retry: true, in: in, out: out}
	}
	return a.transfer(list, have, read)
}

// pointer reads struct i2c_rdwr_ioctl_data: where the messages are, how many.
func pointer(b []byte, small bool) (base uint64, count uint32) {
	if small {
		return uint64(order.Uint32(b)), order.Uint32(b[4:])
	}
	return order.Uint64(b), order.Uint32(b[8:])
}

func readMessage(b []byte, small bool) message {
	m := message{addr: order.Uint16(b), flags: order.Uint16(b[2:]), length: order.Uint16(b[4:])}
	if small {
		m.at = uint64(order.Uint32(b[8:]))
	} else {
		m.at = order.Uint64(b[8:])
	}
	return m
}

// transfer puts the messages on the bus. Like real adapters it says EREMOTEIO
// when nobody acknowledges, and otherwise how many messages went.
func (a *adapter) transfer(list []message, written []byte, read int) answer {
	a.before()
	data := make([]byte, 0, read)
	for i := 0; i < len(list); i++ {
		m := list[i]
		var w, r []byte
		if !m.read() {
			w, written = written[:m.length], written[m.length:]
			if i+1 < len(list) && list[i+1].read() && list[i+1].addr == m.addr {
				i++ // a write and a read without a stop between them
				m = list[i]
			}
		}
		if m.read() {
			r = make([]byte, m.length)
		}
		if a.bus.Tx(m.addr, w, r) != nil {
			return answer{result: -int32(unix.EREMOTEIO)}
		}
		data = append(data, r...)
	}
	return answer{result: int32(len(list)), data: data}
}
