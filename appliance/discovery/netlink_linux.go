package discovery

import (
	"context"
	"encoding/binary"
	"log/slog"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// settle is how long notices about interfaces are gathered: a new
	// interface causes a handful.
	settle = 100 * time.Millisecond
	// lookEvery is how often the interfaces are looked at without a notice,
	// in case one was lost; lookOften if the kernel gives none.
	lookEvery, lookOften = 30 * time.Second, 2 * time.Second
)

// listPrefixes returns the addresses by interface index. IPv6 addresses that
// are still being checked for duplicates, are duplicates, or will soon be
// replaced (privacy addresses, RFC 8981) are not usable.
func listPrefixes() (map[int][]assigned, error) {
	rib, err := syscall.NetlinkRIB(syscall.RTM_GETADDR, syscall.AF_UNSPEC)
	if err != nil {
		return nil, os.NewSyscallError("netlink", err)
	}
	messages, err := syscall.ParseNetlinkMessage(rib)
	if err != nil {
		return nil, os.NewSyscallError("netlink", err)
	}
	out := map[int][]assigned{}
	for i := range messages {
		m := &messages[i]
		if m.Header.Type != syscall.RTM_NEWADDR || len(m.Data) < syscall.SizeofIfAddrmsg {
			continue
		}
		attrs, err := syscall.ParseNetlinkRouteAttr(m)
		if err != nil {
			return nil, os.NewSyscallError("netlink", err)
		}
		// struct ifaddrmsg: family, prefix length, flags, scope, index
		bits, flags := int(m.Data[1]), uint32(m.Data[2])
		index := int(binary.NativeEndian.Uint32(m.Data[4:8]))
		var ip netip.Addr
		for _, a := range attrs {
			switch a.Attr.Type {
			case unix.IFA_ADDRESS:
				if !ip.IsValid() { // IFA_LOCAL is the better one, if there
					ip, _ = netip.AddrFromSlice(a.Value)
				}
			case unix.IFA_LOCAL:
				ip, _ = netip.AddrFromSlice(a.Value)
			case unix.IFA_FLAGS:
				if len(a.Value) == 4 {
					flags = binary.NativeEndian.Uint32(a.Value)
				}
			}
		}
		const unfit = unix.IFA_F_TENTATIVE | unix.IFA_F_DADFAILED | unix.IFA_F_DEPRECATED
		usable := flags&unfit == 0 && (ip.Is4() || flags&unix.IFA_F_TEMPORARY == 0)
		if ip.IsValid() {
			out[index] = append(out[index], assigned{netip.PrefixFrom(ip, bits), usable})
		}
	}
	return out, nil
}

// watchLinks sends on its channel when interfaces or addresses may have
// changed, until ctx ends. Notices merge.
func watchLinks(ctx context.Context, log *slog.Logger) <-chan struct{} {
	changed := make(chan struct{}, 1)
	notices := make(chan struct{}, 1)
	every := lookEvery
	f, err := openNetlink()
	if err != nil {
		log.Warn("mdns: the kernel gives no notice of network changes, looking every few seconds", "err", err)
		every = lookOften
	} else {
		context.AfterFunc(ctx, func() { f.Close() }) // ends the read
		go readNotices(f, notices)
	}
	go func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			case <-notices:
				select {
				case <-ctx.Done():
					return
				case <-time.After(settle):
				}
			}
			notify(changed)
		}
	}()
	return changed
}

func notify(ch chan<- struct{}) {
	select {
	case ch <- struct{}{}:
	default: // one is waiting and says the same
	}
}

// openNetlink opens a socket on which the kernel tells of changes of
// interfaces and addresses.
func openNetlink() (*os.File, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	groups := uint32(unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR)
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("bind", err)
	}
	return os.NewFile(uintptr(fd), "netlink"), nil
}

// readNotices passes on that there was one; what it says is read anew from
// the kernel, which also makes up for any that were lost.
func readNotices(f *os.File, notices chan<- struct{}) {
	buf := make([]byte, 16<<10)
	for {
		_, err := f.Read(buf)
		if err != nil && !isOverrun(err) {
			return
		}
		notify(notices)
	}
}

// isOverrun reports whether the kernel dropped notices for want of room.
func isOverrun(err error) bool {
	pathErr, ok := err.(*os.PathError)
	return ok && pathErr.Err == syscall.ENOBUFS
}
