// Package connect is the page that gets a person through setting up a device.
// It has no secrets and answers without TLS, since a device that does not
// trust the box yet has nothing else.
package connect

import (
	"embed"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"rsc.io/qr"

	"posthorn/appliance/web/page"
)

//go:embed all:templates static
var files embed.FS

// maxName is the longest account name that is taken from an address bar.
const maxName = 64

// Connect serves the page, and the first look at a box. Its fields must be
// set.
type Connect struct {
	Site *page.Site
	// New tells whether nobody has set the box up yet.
	New func() bool

	area *page.Area
}

// Routes registers the page.
func (c *Connect) Routes() (err error) {
	if c.area, err = c.Site.Area(files, "connect"); err != nil {
		return err
	}
	c.Site.Navigate(page.Entry{Path: "/connect", Key: "frame.nav.connect", Icon: "connect", Order: 40, Open: true})
	c.Site.Public("GET /welcome", c.welcome, page.Clear)
	c.Site.Public("GET /trusted.svg", c.trusted, page.Clear)
	c.Site.Public("GET /connect", c.choose, page.Clear)
	c.Site.Public("GET /connect/{device}", c.guide, page.Clear)
	c.Site.Public("GET /connect/{device}/qr.png", c.code, page.Clear)
	return nil
}

// device is one kind of device with the steps it needs. Texts are keys of the
// catalogue: connect.device.ID.title, connect.device.ID.1 and so on.
type device struct {
	ID    string
	Steps int
	// Links tells which step offers what to fetch.
	Links map[int]string
	// Phone devices get a code to scan.
	Phone bool
	// Notes is how many remarks follow the steps: connect.device.ID.note1 ...
	Notes int
}

// What a step can offer.
const (
	linkCertificate = "certificate"
	linkProfile     = "profile"
)

func devices() []device {
	return []device{
		{ID: "thunderbird", Steps: 4, Links: map[int]string{1: linkCertificate}, Notes: 2},
		{ID: "iphone", Steps: 5, Links: map[int]string{1: linkProfile}, Phone: true, Notes: 1},
		{ID: "mac", Steps: 4, Links: map[int]string{1: linkProfile}, Notes: 1},
		{ID: "android", Steps: 4, Links: map[int]string{1: linkCertificate}, Phone: true, Notes: 2},
		{ID: "outlook", Steps: 4, Links: map[int]string{1: linkCertificate}, Notes: 2},
		{ID: "scanner", Steps: 3, Notes: 1},
	}
}

// connectPage is what both templates are given.
type connectPage struct {
	Host, Domain string
	Name         string // account's, as typed; may be empty
	Address      string // Name with the domain, or an example
	NameHeld     string
	Devices      []device
	Device       device
	Lines        []guideLine
	Notes        []string // keys
	Servers      []serverLine
	Addresses    []string
	Fingerprint  []string // in two lines
	Query        string   // ?name=..., or empty
}

// guideLine is one step with what it offers.
type guideLine struct {
	Text       string // key
	Href, Link string // Link is a key
}

// serverLine is a row of the table of settings. Kind, Security are keys.
type serverLine struct {
	Kind, Security string
	Port           int
}

func (c *Connect) data(r *http.Request) connectPage {
	name := strings.ToLower(strings.TrimSpace(r.URL.Query().Get("name")))
	name, _, _ = strings.Cut(name, "@")
	if !accountName(name) {
		name = ""
	}
	facts := &c.Site.Facts
	p := connectPage{Host: facts.Host(), Domain: facts.Domain(), Name: name, NameHeld: facts.NameHeld(),
		Address: name + "@" + facts.Domain(), Devices: devices(), Servers: c.servers()}
	if name == "" {
		p.Address = c.Site.Language(r).Text("connect.yourname") + "@" + facts.Domain()
	} else {
		p.Query = "?" + url.Values{"name": {name}}.Encode()
	}
	for _, ip := range facts.Addresses() {
		p.Addresses = append(p.Addresses, ip.String())
	}
	p.Fingerprint = c.fingerprint()
	return p
}

// accountName is strict, because the name goes into links and a code.
func accountName(s string) bool {
	return s != "" && len(s) <= maxName && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789._+-") == ""
}

func (c *Connect) servers() []serverLine {
	ports := c.Site.Facts.Ports
	all := []serverLine{
		{"connect.imap", "connect.tls", ports.IMAPS}, {"connect.imap", "connect.starttls", ports.IMAP},
		{"connect.pop3", "connect.tls", ports.POP3S}, {"connect.pop3", "connect.starttls", ports.POP3},
		{"connect.smtp", "connect.tls", ports.Submissions}, {"connect.smtp", "connect.starttls", ports.Submission},
	}
	return slices.DeleteFunc(all, func(l serverLine) bool { return l.Port == 0 })
}

func (c *Connect) choose(w http.ResponseWriter, r *http.Request) {
	c.area.Show(w, r, "connect.html", c.data(r))
}

// find returns the device a path names.
func (c *Connect) find(r *http.Request) (device, bool) {
	all := devices()
	i := slices.IndexFunc(all, func(d device) bool { return d.ID == r.PathValue("device") })
	if i < 0 {
		return device{}, false
	}
	return all[i], true
}

func (c *Connect) guide(w http.ResponseWriter, r *http.Request) {
	d, ok := c.find(r)
	if !ok {
		c.area.Fail(w, r, page.ErrNoPage)
		return
	}
	p := c.data(r)
	p.Device = d
	for i := 1; i <= d.Steps; i++ {
		line := guideLine{Text: "connect.device." + d.ID + "." + strconv.Itoa(i)}
		switch {
		case d.Links[i] == linkCertificate:
			line.Href, line.Link = "/ca.crt", "connect.getcertificate"
		case d.Links[i] == linkProfile && p.Name != "":
			line.Href, line.Link = "/apple/"+url.PathEscape(p.Name)+".mobileconfig", "connect.getprofile"
		case d.Links[i] == linkProfile:
			line.Text = "connect.namefirst"
		}
		p.Lines = append(p.Lines, line)
	}
	for i := 1; i <= d.Notes; i++ {
		p.Notes = append(p.Notes, "connect.device."+d.ID+".note"+strconv.Itoa(i))
	}
	c.area.Show(w, r, "device.html", p)
}

// code is a picture for a phone's camera that leads to this device's page.
func (c *Connect) code(w http.ResponseWriter, r *http.Request) {
	d, ok := c.find(r)
	if !ok || !d.Phone {
		c.area.Fail(w, r, page.ErrNoPage)
		return
	}
	host := c.Site.Facts.Host()
	// Before version 12, Android does not know names that end in .local.
	if addrs := c.Site.Facts.Addresses(); d.ID == "android" && len(addrs) > 0 {
		host = addrs[0].String()
	}
	if port := c.Site.Facts.Ports.HTTP; port != 80 || strings.Contains(host, ":") {
		host = net.JoinHostPort(host, strconv.Itoa(port))
	}
	link := url.URL{Scheme: "http", Host: host, Path: "/connect/" + d.ID, RawQuery: strings.TrimPrefix(c.data(r).Query, "?")}
	picture, err := qr.Encode(link.String(), qr.M)
	if err != nil {
		http.Error(w, "the code could not be made", http.StatusInternalServerError)
		return
	}
	picture.Scale = 6
	w.Header().Set("Content-Type", "image/png")
	w.Header().Set("Cache-Control", "no-store")
	w.Write(picture.PNG())
}
