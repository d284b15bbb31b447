package main

import (
	"bytes"
	"testing"

	"golang.org/x/sys/unix"

	"posthorn/hw/softpanel"
)

// caller is a process with memory, for which it does what the kernel does: it
// copies what an answer asks for and asks again.
type caller struct {
	t      *testing.T
	memory []byte
	small  bool
}

func (c *caller) call(handle func(ioctl) answer, cmd uint32, arg uint64) int32 {
	c.t.Helper()
	req := ioctl{cmd: cmd, arg: arg, small: c.small}
	var out []span
	for range 4 {
		a := handle(req)
		if !a.retry {
			for _, s := range out {
				n := copy(c.memory[s.base:s.base+s.length], a.data)
				a.data = a.data[n:]
			}
			return a.result
		}
		req.in, req.room, out = nil, 0, a.out
		for _, s := range a.in {
			req.in = append(req.in, c.memory[s.base:s.base+s.length]...)
		}
		for _, s := range a.out {
			req.room += int(s.length)
		}
	}
	c.t.Fatal("the adapter asks for memory for ever")
	return 0
}

// word appends a pointer.
func (c *caller) word(b []byte, v uint64) []byte {
	if c.small {
		return order.AppendUint32(b, uint32(v))
	}
	return order.AppendUint64(b, v)
}

// lay writes two messages to addr, one out and one in, and returns where
// struct i2c_rdwr_ioctl_data is.
func (c *caller) lay(addr uint16, w []byte, read uint16) (arg, in uint64) {
	const messages, written, got = 0x40, 0x80, 0xc0
	c.memory = make([]byte, 0x100)
	copy(c.memory, order.AppendUint32(c.word(nil, messages), 2))
	var m []byte
	for _, one := range []message{{addr, 0, uint16(len(w)), written}, {addr, readFlag, read, got}} {
		for _, v := range []uint16{one.addr, one.flags, one.length, 0} {
			m = order.AppendUint16(m, v)
		}
		m = c.word(m, one.at)
	}
	copy(c.memory[messages:], m)
	copy(c.memory[written:], w)
	return 0, got
}

// TestTransaction writes to RAM of an SH1106 and reads it back, with pointers
// of both sizes.
func TestTransaction(t *testing.T) {
	for _, small := range []bool{false, true} {
		bus := &softpanel.Bus{}
		bus.Plug(0x3d, softpanel.NewSH1106())
		asked := 0
		a := &adapter{bus: bus, before: func() { asked++ }}
		c := &caller{t: t, small: small}
		for _, w := range [][]byte{{0x80, 0xb0, 0x80, 0x02, 0x80, 0x10}, {0x40, 0xa5}, {0x80, 0xb0, 0x80, 0x02, 0x80, 0x10}} {
			if arg, _ := c.lay(0x3d, w, 0); c.call(a.ioctl, i2cRdwr, arg) != 2 {
				t.Fatalf("small=%v: % x was refused", small, w)
			}
		}
		arg, in := c.lay(0x3d, []byte{0x40}, 2) // what comes first is the old latch
		if n := c.call(a.ioctl, i2cRdwr, arg); n != 2 || c.memory[in+1] != 0xa5 {
			t.Errorf("small=%v: read gave %d, % x", small, n, c.memory[in:in+2])
		}
		arg, _ = c.lay(0x3c, []byte{0x40}, 2)
		if n := c.call(a.ioctl, i2cRdwr, arg); n != -int32(unix.EREMOTEIO) {
			t.Errorf("small=%v: an address where nobody is gave %d", small, n)
		}
		if asked != 5 { // three writes, the read, nobody
			t.Errorf("small=%v: the bench was asked %d times in 5 transactions", small, asked)
		}
	}
}

func TestFunctions(t *testing.T) {
	for _, small := range []bool{false, true} {
		c := &caller{t: t, small: small, memory: bytes.Repeat([]byte{0xff}, 16)}
		if n := c.call((&adapter{}).ioctl, i2cFuncs, 0); n != 0 {
			t.Errorf("I2C_FUNCS gave %d", n)
		}
		want := append(c.word(nil, funcI2C), 0xff) // and no byte more
		if !bytes.Equal(c.memory[:len(want)], want) {
			t.Errorf("small=%v: I2C_FUNCS wrote % x", small, c.memory)
		}
	}
}

// TestRefused sends what a program has got wrong.
func TestRefused(t *testing.T) {
	a := &adapter{bus: &softpanel.Bus{}, before: func() {}}
	c := &caller{t: t}
	if n := c.call(a.ioctl, 0x0720, 0); n != -int32(unix.ENOTTY) {
		t.Errorf("I2C_SMBUS gave %d", n)
	}
	c.lay(0x3c, nil, maxLength+1)
	if n := c.call(a.ioctl, i2cRdwr, 0); n != -int32(unix.EINVAL) {
		t.Errorf("a message of more than %d bytes gave %d", maxLength, n)
	}
	for _, count := range []uint32{0, maxMessages + 1, 1 << 31} {
		order.PutUint32(c.memory[8:], count)
		if n := c.call(a.ioctl, i2cRdwr, 0); n != -int32(unix.EINVAL) {
			t.Errorf("%d messages gave %d", count, n)
		}
	}
}
