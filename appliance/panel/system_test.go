package panel

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// tree writes files below a new directory.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for file, text := range files {
		file = filepath.Join(root, file)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestReadSystem(t *testing.T) {
	sys := tree(t, map[string]string{"class/thermal/thermal_zone0/temp": "48312\n"})
	proc := tree(t, map[string]string{"uptime": "93784.61 301.15\n"})
	var f Face
	readSystem(&f, sys, proc)
	if f.Temperature != 48 || f.Uptime != 93784*time.Second {
		t.Errorf("%d°C, up %v", f.Temperature, f.Uptime)
	}
	f = Face{}
	readSystem(&f, t.TempDir(), tree(t, map[string]string{"uptime": "soon"}))
	if f.Temperature != 0 || f.Uptime != 0 {
		t.Errorf("from nothing: %d°C, up %v", f.Temperature, f.Uptime)
	}
}

func TestPace(t *testing.T) {
	var p pace
	at := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		hours int
		free  int64
		want  int
	}{
		{0, 10_000, 0}, {12, 9000, 0}, {24, 9000, 9}, {48, 8000, 8}, {72, 9999, 0}, {96, 10_000, 0},
		{24 * 5, 5000, 5}, {24 * 8, 2000, 2}, {24 * 8, 1, 1},
	} {
		if got := p.days(test.free, at.Add(time.Duration(test.hours)*time.Hour)); got != test.want {
			t.Errorf("after %d h with %d free: %d days, want %d", test.hours, test.free, got, test.want)
		}
	}
	if p.at.Equal(at) {
		t.Error("the pace is still measured from the very start")
	}
	if got := p.days(5000, at.Add(-time.Hour)); got != 0 || !p.at.Equal(at.Add(-time.Hour)) {
		t.Error("a clock set back was not noticed")
	}
}

func TestBestAddr(t *testing.T) {
	for _, test := range []struct {
		addrs []string
		want  string
	}{
		{[]string{"fe80::1/64", "2001:db8::7/64", "192.168.1.5/24"}, "192.168.1.5"},
		{[]string{"fe80::1/64", "2001:db8::7/64"}, "2001:db8::7"},
		{[]string{"169.254.3.4/16"}, "169.254.3.4"}, // a cable between two machines
		{[]string{"fe80::1/64"}, "invalid IP"},
		{nil, "invalid IP"},
	} {
		var addrs []net.Addr
		for _, a := range test.addrs {
			ip, n, err := net.ParseCIDR(a)
			if err != nil {
				t.Fatal(err)
			}
			addrs = append(addrs, &net.IPNet{IP: ip, Mask: n.Mask})
		}
		if got := bestAddr(addrs).String(); got != test.want {
			t.Errorf("of %v: %s, want %s", test.addrs, got, test.want)
		}
	}
}
