package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// The protocol of /dev/cuse, as in include/uapi/linux/fuse.h. Numbers are in
// the machine's own order.
const (
	protocolMajor = 7
	protocolMinor = 31 // what we speak; iovecs have had 64 bits since 16

	opOpen      = 14
	opRelease   = 18
	opInterrupt = 36
	opIoctl     = 39
	opInit      = 4096 // CUSE_INIT

	inHeaderSize  = 40
	outHeaderSize = 16
	ioctlInSize   = 32

	unrestrictedIoctl = 1 << 0 // CUSE_UNRESTRICTED_IOCTL: iovecs may be asked for
	ioctl32Bit        = 1 << 3 // FUSE_IOCTL_32BIT
	ioctlRetry        = 1 << 2 // FUSE_IOCTL_RETRY

	// maxTransfer bounds what a read or write carries; ioctls have the
	// kernel's own bound of 32 pages.
	maxTransfer = 64 << 10
	requestSize = 512 << 10
)

// order is the byte order of the protocol.
var order = binary.NativeEndian

// An ioctl is one call of ioctl(2) as far as the kernel has brought it.
type ioctl struct {
	cmd   uint32
	arg   uint64
	small bool   // the caller has pointers of 32 bits
	in    []byte // copied from where the last answer said
	room  int    // bytes that will be copied back, as the last answer said
}

// An answer ends an ioctl, or asks for memory of the caller: the kernel copies
// from in, and asks again, remembering where out is to go.
type answer struct {
	result int32 // a number, or an errno below zero
	data   []byte
	retry  bool
	in     []span
	out    []span
}

// span is a piece of the caller's memory.
type span struct{ base, length uint64 }

// serve makes the character device and answers until it is taken away.
func serve(name string, handle func(ioctl) answer) error {
	f, err := os.OpenFile("/dev/cuse", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	fd := int(f.Fd()) // blocking from here on: requests come one at a time
	buf := make([]byte, requestSize)
	for {
		n, err := unix.Read(fd, buf)
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ENOENT): // ENOENT: the caller was killed meanwhile
			continue
		case errors.Is(err, unix.ENODEV):
			return nil
		case err != nil:
			return err
		case n < inHeaderSize:
			return fmt.Errorf("a request of %d bytes", n)
		}
		reply := dispatch(name, buf[:n], handle)
		if reply == nil {
			continue
		}
		if _, err := unix.Write(fd, reply); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("answering: %w", err)
		}
	}
}

// dispatch returns the reply to one request, nil for none.
func dispatch(name string, req []byte, handle func(ioctl) answer) []byte {
	op, id, body := order.Uint32(req[4:]), order.Uint64(req[8:]), req[inHeaderSize:]
	switch op {
	case opInit:
		return reply(id, 0, initBody(name))
	case opOpen:
		return reply(id, 0, make([]byte, 16)) // no handle, no flags
	case opRelease:
		return reply(id, 0, nil)
	case opInterrupt:
		return nil // answers are never late
	case opIoctl:
		if len(body) < ioctlInSize {
			return reply(id, unix.EINVAL, nil)
		}
		return reply(id, 0, handle(readIoctl(body)).bytes())
	}
	return reply(id, unix.ENOSYS, nil)
}

func reply(id uint64, errno unix.Errno, body []byte) []byte {
	b := order.AppendUint32(nil, uint32(outHeaderSize+len(body)))
	b = order.AppendUint32(b, uint32(-int32(errno)))
	b = order.AppendUint64(b, id)
	return append(b, body...)
}

// initBody is struct cuse_init_out and the name udev and devtmpfs go by.
func initBody(name string) []byte {
	var b []byte
	for _, v := range []uint32{protocolMajor, protocolMinor, 0, unrestrictedIoctl, maxTransfer, maxTransfer, 0, 0} {
		b = order.AppendUint32(b, v)
	}
	b = append(b, make([]byte, 4*10)...) // spare
	return append(b, "DEVNAME="+name+"\x00"...)
}

// readIoctl reads struct fuse_ioctl_in and what was copied in behind it.
func readIoctl(b []byte) ioctl {
	return ioctl{
		cmd:   order.Uint32(b[12:]),
		arg:   order.Uint64(b[16:]),
		small: order.Uint32(b[8:])&ioctl32Bit != 0,
		in:    b[ioctlInSize:],
		room:  int(order.Uint32(b[28:])),
	}
}

// bytes writes struct fuse_ioctl_out and what follows it.
func (a answer) bytes() []byte {
	var flags uint32
	data := a.data
	if a.retry {
		flags, data = ioctlRetry, nil
		for _, list := range [][]span{a.in, a.out} {
			for _, s := range list {
				data = order.AppendUint64(order.AppendUint64(data, s.base), s.length)
			}
		}
	}
	b := order.AppendUint32(nil, uint32(a.result))
	b = order.AppendUint32(b, flags)
	b = order.AppendUint32(b, uint32(len(a.in)))
	b = order.AppendUint32(b, uint32(len(a.out)))
	return append(b, data...)
}
