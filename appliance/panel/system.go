package panel

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// readSystem fills in what the operating system knows: links, temperature,
// time since the start. sys and proc are where its file systems are mounted;
// what is not there is left out.
func readSystem(f *Face, sys, proc string) {
	f.Links = readLinks(sys)
	f.Temperature = Temperature(sys)
	if b, err := os.ReadFile(filepath.Join(proc, "uptime")); err == nil {
		first, _, _ := strings.Cut(string(b), ".")
		if s, err := strconv.ParseInt(first, 10, 64); err == nil {
			f.Uptime = time.Duration(s) * time.Second
		}
	}
}

// Temperature is that of the processor in °C, 0 if it is not known; sys is where
// sysfs is mounted. The file has it in thousandths
// (Documentation/driver-api/thermal/sysfs-api.rst).
func Temperature(sys string) int {
	return readNumber(filepath.Join(sys, "class/thermal/thermal_zone0/temp")) / 1000
}

// readNumber reads a file that holds one; 0 if it does not.
func readNumber(file string) int {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0
	}
	return n
}

// readLinks lists the interfaces that are up and have an address others can
// reach, with the one people would type: IPv4 before IPv6.
func readLinks(sys string) []Link {
	ifaces, err := net.Interfaces()
	if err != nil {
		return nil
	}
	var links []Link
	for _, i := range ifaces {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue
		}
		if a := bestAddr(addrs); a.IsValid() {
			speed := readNumber(filepath.Join(sys, "class/net", i.Name, "speed"))
			links = append(links, Link{Name: i.Name, Addr: a, Speed: max(speed, 0)})
		}
	}
	return links
}

// bestAddr picks one of an interface's addresses; invalid if none will do.
func bestAddr(addrs []net.Addr) netip.Addr {
	var best netip.Addr
	for _, a := range addrs {
		prefix, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue
		}
		addr := prefix.Addr().Unmap()
		if addr.IsLinkLocalUnicast() && addr.Is6() {
			continue
		}
		if !best.IsValid() || best.Is6() && addr.Is4() {
			best = addr
		}
	}
	return best
}
