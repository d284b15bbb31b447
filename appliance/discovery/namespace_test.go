//go:build netns

package discovery

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// These tests run the Responder in network namespaces joined by a bridge,
// beside avahi. They need root and the programs scripts/test-discovery
// installs, and touch nothing outside the namespaces they make.

// TestMain runs the Responder in place of the tests when told to: the tests
// start their own binary so, once in each namespace.
func TestMain(m *testing.M) {
	if text := os.Getenv("POSTHORN_RESPONDER"); text != "" {
		os.Exit(respond(text))
	}
	if rounds, err := strconv.Atoi(os.Getenv("POSTHORN_ASKER")); err == nil {
		os.Exit(refresh(rounds))
	}
	os.Exit(m.Run())
}

// respond announces a box and prints each State as a line of JSON.
func respond(text string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	r := &Responder{Services: testServices(), Log: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	if err := json.Unmarshal([]byte(text), &struct{ Host, Instance, WonHost *string }{&r.Host, &r.Instance, &r.WonHost}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	out := json.NewEncoder(os.Stdout)
	r.OnChange = func(s State) { out.Encode(s) }
	if err := r.Run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// must runs a program and returns what it printed.
func must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// lan is a bridge in a namespace of its own, to which hosts are plugged.
type lan struct {
	t      *testing.T
	prefix string
	hosts  int
}

func newLAN(t *testing.T) *lan {
	l := &lan{t: t, prefix: fmt.Sprintf("ph%d", os.Getpid()%10000)}
	l.addNamespace(l.prefix)
	l.addBridge("br0")
	return l
}

// addBridge adds a second network that knows nothing of the first.
func (l *lan) addBridge(name string) {
	l.t.Helper()
	l.in(l.prefix, "ip", "link", "add", name, "type", "bridge", "mcast_snooping", "0")
	l.in(l.prefix, "ip", "link", "set", name, "up")
}

func (l *lan) addNamespace(name string) {
	must(l.t, "ip", "netns", "add", name)
	l.t.Cleanup(func() { must(l.t, "ip", "netns", "del", name) })
}

func (l *lan) in(ns string, args ...string) string {
	l.t.Helper()
	return must(l.t, append([]string{"ip", "netns", "exec", ns}, args...)...)
}

// host is a namespace with an interface eth0 on the bridge.
type host struct {
	*lan
	ns   string
	addr string
}

// newHost plugs a host with no address yet.
func (l *lan) newHost() *host {
	l.hosts++
	h := &host{lan: l, ns: fmt.Sprintf("%sh%d", l.prefix, l.hosts), addr: fmt.Sprintf("10.77.0.%d", l.hosts+9)}
	l.addNamespace(h.ns)
	h.ip("link", "set", "lo", "up")
	h.plug("eth0", "br0")
	return h
}

// plug gives the host a new interface on a bridge.
func (h *host) plug(device, bridge string) {
	h.t.Helper()
	h.lan.in(h.prefix, "ip", "link", "add", h.port(device), "type", "veth", "peer", "name", device, "netns", h.ns)
	h.lan.in(h.prefix, "ip", "link", "set", h.port(device), "master", bridge, "up")
	h.ip("link", "set", device, "up")
}

// port is the bridge's end of a device's cable.
func (h *host) port(device string) string {
	return strings.TrimPrefix(h.ns, h.prefix) + device
}

func (h *host) ip(args ...string) {
	h.t.Helper()
	h.in(h.ns, append([]string{"ip"}, args...)...)
}

func (h *host) address(addr string) {
	h.t.Helper()
	h.ip("address", "add", addr+"/24", "dev", "eth0")
}

// box is a running Responder.
type box struct {
	*host
	cmd   *exec.Cmd
	start time.Time
	mu    sync.Mutex
	state State
}

func (h *host) box(hostName, instance string) *box {
	h.t.Helper()
	text, err := json.Marshal(map[string]string{"Host": hostName, "Instance": instance})
	if err != nil {
		h.t.Fatal(err)
	}
	b := &box{host: h, start: time.Now()}
	b.cmd = exec.Command("ip", "netns", "exec", h.ns, os.Args[0])
	b.cmd.Env = append(os.Environ(), "POSTHORN_RESPONDER="+string(text))
	b.cmd.Stderr = prefixed{h.ns, h.t}
	out, err := b.cmd.StdoutPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	if err := b.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	go func() {
		for in := json.NewDecoder(out); ; {
			var s State
			if in.Decode(&s) != nil {
				return
			}
			b.mu.Lock()
			b.state = s
			b.mu.Unlock()
		}
	}()
	h.t.Cleanup(b.stop)
	return b
}

func (b *box) stop() {
	if b.cmd.ProcessState == nil {
		b.cmd.Process.Signal(syscall.SIGTERM)
		b.cmd.Wait()
	}
}

func (b *box) now() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state
}

// within waits until ok holds and returns how long that took.
func within(t *testing.T, limit time.Duration, what string, ok func() bool) time.Duration {
	t.Helper()
	start := time.Now()
	for !ok() {
		if time.Since(start) > limit {
			t.Fatalf("not within %v: %s", limit, what)
		}
		time.Sleep(50 * time.Millisecond)
	}
	return time.Since(start)
}

func (b *box) claims(t *testing.T, name string, limit time.Duration) {
	t.Helper()
	within(t, limit, name+" claimed", func() bool { s := b.now(); return s.Claimed && s.Host == name })
}

type prefixed struct {
	name string
	t    *testing.T
}

func (p prefixed) Write(data []byte) (int, error) {
	fmt.Fprintf(p.t.Output(), "%s: %s", p.name, data)
	return len(data), nil
}

// avahi is an avahi-daemon on a message bus of its own.
type avahi struct {
	*host
	bus  string
	stop func()
}

func (h *host) avahi(hostName string) *avahi {
	t := h.t
	t.Helper()
	dir, err := os.MkdirTemp("", "posthorn-avahi-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	a := &avahi{host: h, bus: "unix:path=" + filepath.Join(dir, "bus")}
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	busConf := write("bus.conf", `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>`+a.bus+`</listen><policy context="default">
<allow user="*"/><allow own="*"/><allow send_type="method_call"/><allow send_type="signal"/><allow receive_type="method_call"/><allow receive_type="method_return"/><allow receive_type="error"/><allow receive_type="signal"/>
<allow send_requested_reply="true" send_type="method_return"/><allow send_requested_reply="true" send_type="error"/>
</policy></busconfig>`)
	conf := write("avahi.conf", "[server]\nhost-name="+hostName+"\nuse-ipv4=yes\nuse-ipv6=yes\nallow-interfaces=eth0\nenable-dbus=yes\n[publish]\npublish-workstation=no\npublish-hinfo=no\n")
	start := func(args ...string) func() {
		cmd := exec.Command("ip", append([]string{"netns", "exec", h.ns}, args...)...)
		cmd.Env = append(os.Environ(), "DBUS_SYSTEM_BUS_ADDRESS="+a.bus)
		cmd.Stderr = io.Discard
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var once sync.Once
		stop := func() {
			once.Do(func() {
				cmd.Process.Signal(syscall.SIGTERM)
				cmd.Wait()
			})
		}
		t.Cleanup(stop)
		return stop
	}
	start("dbus-daemon", "--nofork", "--config-file="+busConf)
	within(t, 5*time.Second, "message bus", func() bool { _, err := os.Stat(filepath.Join(dir, "bus")); return err == nil })
	// Its pid file has a fixed place; ip netns exec gives a mount namespace.
	a.stop = start("sh", "-c", "mkdir -p /run/avahi-daemon && mount -t tmpfs tmpfs /run/avahi-daemon && exec avahi-daemon --no-drop-root --no-chroot --no-rlimits -f "+conf)
	within(t, 10*time.Second, "avahi", func() bool { return strings.Contains(a.ask("avahi-resolve", "-4", "-n", a.name()), h.addr) })
	return a
}

// ask runs one of avahi's programs and returns what it printed.
func (a *avahi) ask(args ...string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", a.ns}, args...)...)
	cmd.Env = append(os.Environ(), "DBUS_SYSTEM_BUS_ADDRESS="+a.bus)
	out, _ := cmd.CombinedOutput() // "not found" is an exit status too
	return string(out)
}

// name is the host name avahi has come to, with .local.
func (a *avahi) name() string {
	out := a.ask("dbus-send", "--system", "--print-reply=literal", "--dest=org.freedesktop.Avahi", "/", "org.freedesktop.Avahi.Server.GetHostNameFqdn")
	return strings.TrimSpace(out)
}

func (a *avahi) resolves(name, addr string) bool {
	return strings.Contains(a.ask("avahi-resolve", "-4", "-n", name), addr)
}

// browser is a running avahi-browse.
type browser struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (b *browser) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.out.Write(p)
}

func (b *browser) has(parts ...string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for line := range strings.SplitSeq(b.out.String(), "\n") {
		all := true
		for _, part := range parts {
			all = all && strings.Contains(line, part)
		}
		if all {
			return true
		}
	}
	return false
}

func (a *avahi) browse() *browser {
	b := &browser{}
	cmd := exec.Command("ip", "netns", "exec", a.ns, "avahi-browse", "-a", "-p", "-r", "-k")
	cmd.Env = append(os.Environ(), "DBUS_SYSTEM_BUS_ADDRESS="+a.bus)
	cmd.Stdout = b
	if err := cmd.Start(); err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if a.t.Failed() {
			a.t.Logf("avahi-browse saw\n%s", b.out.String())
		}
	})
	return b
}
