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
