package page

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"posthorn/appliance/web/words"
)

func TestLocalPath(t *testing.T) {
	for to, ok := range map[string]bool{
		"/": true, "/mail/3?q=a#b": true, "/a//b": true,
		"": false, "mail": false, "//evil.example": false, "https://evil.example/": false, "/\\evil.example": false, "\\\\evil": false,
		"javascript:alert(1)": false, "/a\r\nSet-Cookie: x": false, "/\t/evil.example": false, "/%zz": false, "http:/evil": false,
		"/" + strings.Repeat("a", 3000): false,
	} {
		want := "/instead"
		if ok {
			want = to
		}
		if got := LocalPath(to, "/instead"); got != want {
			t.Errorf("%q: %q, want %q", to, got, want)
		}
	}
}

// Whatever an address bar or a form gives, a browser that is led to it stays on
// the box.
func FuzzLocalPath(f *testing.F) {
	for _, seed := range []string{"/", "/mail?to=//x", "//evil.example", "/\\evil.example", "https://evil.example", "/%2f%2fevil.example", "/\t/evil.example", "/..//evil.example"} {
		f.Add(seed)
	}
	base, err := url.Parse("https://mailbox.local/login")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, to string) {
		got := LocalPath(to, "/instead")
		// Browsers take a backslash for a slash, and tabs and newlines for nothing.
		read := strings.NewReplacer("\\", "/", "\t", "", "\n", "", "\r", "").Replace(got)
		u, err := base.Parse(read)
		if err != nil || u.Host != base.Host || u.Scheme != base.Scheme || u.User != nil {
			t.Errorf("%q leads to %v, %v", to, u, err)
		}
	})
}

func TestTakesGzip(t *testing.T) {
	for header, want := range map[string]bool{"": false, "gzip": true, "br, GZIP;q=0.5": true, "gzip;q=0": false, "gzip; q=0": false, "xgzip": false, "deflate, gzip": true} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept-Encoding", header)
		if got := takesGzip(r); got != want {
			t.Errorf("%q: %v", header, got)
		}
	}
}

func TestFormats(t *testing.T) {
	all, err := words.Read()
	if err != nil {
		t.Fatal(err)
	}
	jakarta, err := time.LoadLocation("Asia/Jakarta")
	if err != nil {
		t.Fatal(err)
	}
	en, id := formats{all.Match("en"), time.UTC}, formats{all.Match("id"), jakarta}
	at := time.Date(2019, 8, 3, 20, 5, 0, 0, time.UTC)
	for _, c := range []struct{ got, want string }{
		{en.date(at), "3 August 2019, 20:05"}, {id.date(at), "4 Agustus 2019, 03:05"},
		{en.when(at), "3 Aug 2019"}, {id.when(at), "4 Agu 2019"}, {en.day(time.Time{}), "never"}, {en.ago(time.Time{}), "never"},
		{en.ago(time.Now().Add(-90 * time.Minute)), "an hour ago"}, {id.ago(time.Now().Add(-50 * time.Hour)), "2 hari lalu"},
		{en.when(time.Now()), time.Now().UTC().Format("15:04")}, {stamp(at), "2019-08-03T20:05:00Z"},
		{en.size(0), "0 bytes"}, {en.size(999), "999 bytes"}, {en.size(int64(1500)), "1.5 KB"}, {id.size(1500), "1,5 KB"},
		{en.size(uint32(45_600_000)), "46 MB"}, {en.size(int64(7) << 40), "7697 GB"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

// Every zone of the list is one the program knows, and the guess is of it.
func TestZones(t *testing.T) {
	n := 0
	for _, g := range ZoneList("Europe/Kyiv").Groups {
		for _, z := range g.Zones {
			if _, err := time.LoadLocation(z); err != nil {
				t.Errorf("%s: %v", z, err)
			}
			n++
		}
	}
	if n < 400 {
		t.Errorf("%d zones", n)
	}
	for accept, want := range map[string]string{"id-ID,id;q=0.9": "Asia/Jakarta", "en": "UTC", "de-AT": "Europe/Vienna", "": "UTC", "!": "UTC", strings.Repeat("x", 999): "UTC"} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept-Language", accept)
		if got := GuessZone(r); got != want {
			t.Errorf("%q: %s, want %s", accept, got, want)
		}
	}
}
