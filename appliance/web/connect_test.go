package web

import (
	"bytes"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"posthorn/appliance/documents"
)

func serve(t *testing.T, held string) *httptest.Server {
	s := &Server{
		Host:        func() string { return "mailbox-2.local" },
		Domain:      func() string { return "example.org" },
		Household:   func() string { return "the <Smiths>" },
		Addresses:   func() []netip.Addr { return []netip.Addr{netip.MustParseAddr("192.168.7.20")} },
		Fingerprint: func() string { return strings.Repeat("AB:", 31) + "CD" },
		NameHeld:    func() string { return held },
		Ports:       documents.Ports{IMAPS: 2993, Submissions: 2465, HTTP: 2080},
	}
	h, err := s.Handler()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server
}

func get(t *testing.T, s *httptest.Server, path string) (*http.Response, string) {
	t.Helper()
	resp, err := http.Get(s.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// Every page has all its words, and the settings of this box.
func TestGuides(t *testing.T) {
	s := serve(t, "mailbox")
	missing := regexp.MustCompile(`\[[a-z.0-9]+\]|%!`)
	resp, index := get(t, s, "/connect?name=alice")
	if resp.StatusCode != 200 || missing.MatchString(index) {
		t.Errorf("%s: %s", resp.Status, index)
	}
	if !strings.Contains(index, "mailbox.local, so this box is mailbox-2.local") || !strings.Contains(index, "the &lt;Smiths&gt;") {
		t.Errorf("%s", index)
	}
	for _, d := range devices() {
		if !strings.Contains(index, `href="/connect/`+d.ID+`?name=alice"`) {
			t.Errorf("no way to %s", d.ID)
		}
		resp, page := get(t, s, "/connect/"+d.ID+"?name=alice")
		if resp.StatusCode != 200 || missing.MatchString(page) {
			t.Errorf("%s: %s %v", d.ID, resp.Status, missing.FindAllString(page, -1))
		}
		for _, want := range []string{"alice@example.org", "mailbox-2.local", "192.168.7.20", "2993", "2465", "AB:CD"} {
			if !strings.Contains(page, want) {
				t.Errorf("%s: no %s", d.ID, want)
			}
		}
		if strings.Contains(page, "<script") || strings.Contains(page, "POP3</td>") {
			t.Errorf("%s: a script, or a service that is off", d.ID)
		}
	}
	if _, page := get(t, s, "/connect/iphone?name=alice"); !strings.Contains(page, `href="/apple/alice.mobileconfig"`) {
		t.Error("no profile for the iPhone")
	}
	if _, page := get(t, s, "/connect/iphone"); strings.Contains(page, "mobileconfig") || !strings.Contains(page, "yourname@example.org") {
		t.Error("a profile for nobody")
	}
	if _, page := get(t, s, "/connect/outlook"); !strings.Contains(page, "cannot reach a box in your home") {
		t.Error("not honest about the new Outlook")
	}
	if resp, _ := get(t, s, "/connect/toaster"); resp.StatusCode != 404 {
		t.Errorf("toaster: %s", resp.Status)
	}
}

func TestHostileName(t *testing.T) {
	s := serve(t, "")
	for _, name := range []string{"%22%3E%3Cb%3E", "a%2F..%2F", strings.Repeat("a", 65), "%00", "a%20b"} {
		if _, page := get(t, s, "/connect/iphone?name="+name); !strings.Contains(page, "yourname@example.org") {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestCode(t *testing.T) {
	s := serve(t, "")
	for _, path := range []string{"/connect/iphone/qr.png?name=alice", "/connect/android/qr.png"} {
		resp, body := get(t, s, path)
		if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "image/png" {
			t.Fatalf("%s: %s", path, resp.Status)
		}
		if img, err := png.Decode(bytes.NewReader([]byte(body))); err != nil || img.Bounds().Dx() < 150 {
			t.Errorf("%s: %v", path, err)
		}
	}
	if resp, _ := get(t, s, "/connect/mac/qr.png"); resp.StatusCode != 404 {
		t.Errorf("mac: %s", resp.Status)
	}
}

func TestNothingFromElsewhere(t *testing.T) {
	s := serve(t, "")
	resp, page := get(t, s, "/connect/thunderbird")
	if csp := resp.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") {
		t.Errorf("policy %q", csp)
	}
	for _, m := range regexp.MustCompile(`(?:href|src)="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if !strings.HasPrefix(m[1], "/") {
			t.Errorf("link to %s", m[1])
		}
	}
	if resp, css := get(t, s, "/static/style.css"); resp.StatusCode != 200 || !strings.Contains(css, "prefers-color-scheme") {
		t.Errorf("style: %s", resp.Status)
	}
}
