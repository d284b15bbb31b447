package appliance

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"posthorn/store"
)

// Welcome says, for the person who started the box, where to point a browser
// and a mail program and, on a new box, how to make the first account. The
// command is how this program was called.
func (b *Box) Welcome(command string) string {
	port := func(name string) int { return b.Addr(name).(*net.TCPAddr).Port }
	host := b.host()
	var out strings.Builder
	fmt.Fprintf(&out, "\nPosthorn %s keeps its mail in %s.\n\n", b.config.Version, b.config.Data)
	fmt.Fprintf(&out, "  browser       http://%s\n", hostPort(host, port("http"), 80))
	fmt.Fprintf(&out, "  mail program  server %s, user NAME\n", host)
	fmt.Fprintf(&out, "                IMAP %d (TLS) or %d (STARTTLS)\n", port("imaps"), port("imap"))
	fmt.Fprintf(&out, "                POP3 %d (TLS) or %d (STARTTLS)\n", port("pop3s"), port("pop3"))
	fmt.Fprintf(&out, "                SMTP %d (TLS) or %d (STARTTLS)\n", port("submissions"), port("submission"))
	fmt.Fprintf(&out, "  devices       SMTP %d, without a password, to NAME@%s\n", port("smtp"), b.domain())
	fmt.Fprintf(&out, "  certificate   http://%s/ca.crt\n", hostPort(host, port("http"), 80))
	fmt.Fprintf(&out, "                %s\n", b.certs.Fingerprint())
	if b.empty() {
		data := ""
		if b.config.Data != DefaultData {
			data = " --data " + b.config.Data
		}
		fmt.Fprintf(&out, "\nNobody has set the box up yet. Do it in the browser, with the code %s; or make\nthe first account in a second terminal:\n\n  %s account add NAME%s\n", b.code.Show(), command, data)
	}
	return out.String() + "\n"
}

// tellCode writes a new code for the set-up into the log, which is where it is
// found on a box without a screen. Once the box has an owner no code is of use.
func (b *Box) tellCode(code string) {
	if b.empty() {
		b.log.Info("to set the box up, open its page and type this code", "code", code, "page", "http://"+b.hostname()+".local")
	}
}

// host is where programs on this network reach the box: an address of it,
// which works whether or not its name is announced.
func (b *Box) host() string {
	if b.config.Bind != "" {
		return b.config.Bind
	}
	for _, a := range localAddresses() {
		if a.IsPrivate() && a.Is4() {
			return a.String()
		}
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1}).String()
}

// domain is the domain of new addresses: the owner's first, or the box's own.
func (b *Box) domain() string {
	var set store.Settings
	err := b.store.View(func(tx *store.Tx) (err error) {
		set, err = tx.Settings()
		return err
	})
	if err != nil {
		b.log.Error("settings can't be read", "error", err)
	}
	if len(set.Domains) > 0 {
		return set.Domains[0]
	}
	return b.hostname() + ".local"
}

func (b *Box) empty() bool {
	var none bool
	err := b.store.View(func(tx *store.Tx) error {
		all, err := tx.Accounts()
		none = len(all) == 0
		return err
	})
	return err == nil && none
}

func hostPort(host string, port, standard int) string {
	if port == standard {
		return host
	}
	return net.JoinHostPort(host, fmt.Sprint(port))
}
