package mail

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"testing"
)

const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

func TestFiles(t *testing.T) {
	h := newHome(t, "")
	names := map[string]string{ // as sent: as saved
		"report.pdf":               "report.pdf",
		"../../../etc/passwd":      "passwd",
		`C:\\\\Windows\\\\x.exe`:   "x.exe",
		"..":                       "file-7.bin",
		"CON.txt":                  "_CON.txt",
		"a<b>:c|d?.txt":            "a_b__c_d_.txt",
		"Grüße aus Köln.txt":       "Grüße aus Köln.txt",
		"\u202etxt.exe":            "txt.exe",
		".bashrc":                  "bashrc",
		strings.Repeat("n", 300):   strings.Repeat("n", 150),
		"trailing. . .":            "trailing",
		"per%cent.txt":             "per%cent.txt",
		"semi;colon=\\\"quote.txt": "semi;colon=_quote.txt",
	}
	var sent []string
	for name := range names {
		sent = append(sent, name)
	}
	uid := h.put("INBOX", 0, nil, attached(sent...))
	path := pathTo(h.boxes["INBOX"].ID, uid)
	h.shows(path, fmt.Sprintf("%d attachments", len(names)))
	for i, name := range sent {
		want := names[name]
		if want == "file-7.bin" {
			want = fmt.Sprintf("file-%d.bin", i+2)
		}
		resp, text := h.get(fmt.Sprintf("%s/part/%d", path, i+2))
		_, params, err := mime.ParseMediaType(resp.Header.Get("Content-Disposition"))
		if err != nil || params["filename"] != want || resp.StatusCode != 200 || !strings.HasPrefix(text, "octets of ") {
			t.Errorf("%q is sent as %q: %v, want %q", name, resp.Header.Get("Content-Disposition"), err, want)
		}
		if resp.Header.Get("Content-Type") != "application/octet-stream" || !strings.Contains(resp.Header.Get("Content-Security-Policy"), "sandbox") || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%q: %v", name, resp.Header)
		}
	}
	resp, text := h.get(path + "/files.zip")
	z, err := zip.NewReader(strings.NewReader(text), int64(len(text)))
	if err != nil || len(z.File) != len(names) || resp.Header.Get("Content-Type") != "application/zip" {
		t.Fatal(err, resp.Header)
	}
	for _, f := range z.File {
		if strings.ContainsAny(f.Name, `/\`) || strings.HasPrefix(f.Name, ".") {
			t.Errorf("the archive has a file %q", f.Name)
		}
	}
}

func TestSameNames(t *testing.T) {
	h := newHome(t, "")
	uid := h.put("INBOX", 0, nil, attached("a.txt", "A.TXT", "x/a.txt"))
	_, text := h.get(pathTo(h.boxes["INBOX"].ID, uid) + "/files.zip")
	z, err := zip.NewReader(strings.NewReader(text), int64(len(text)))
	if err != nil || len(z.File) != 3 || z.File[1].Name != "A (2).TXT" || z.File[2].Name != "a (3).txt" {
		t.Error(err, z)
	}
}

// Only what its octets say is a picture or a PDF is shown in the browser.
func TestShow(t *testing.T) {
	h := newHome(t, "")
	png, err := base64.StdEncoding.DecodeString(pixel)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		said string
		data []byte
		want string
	}{
		{"image/png", png, "image/png"},
		{"text/html", png, "image/png"},
		{"application/pdf", []byte("%PDF-1.7\n"), "application/pdf"},
		{"image/png", []byte("<html><script>alert(1)</script>"), ""},
		{"image/svg+xml", []byte("<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"), ""},
		{"text/html", []byte("<script>alert(1)</script>"), ""},
		{"text/plain", []byte("plain"), ""},
	} {
		uid := h.put("INBOX", 0, nil, mailFrom("x", "Content-Type: "+c.said+"; name=x\nContent-Disposition: attachment\nContent-Transfer-Encoding: base64\n",
			base64.StdEncoding.EncodeToString(c.data)))
		resp, text := h.get(pathTo(h.boxes["INBOX"].ID, uid) + "/part/1?show=1")
		how, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Disposition"))
		media := resp.Header.Get("Content-Type")
		if c.want == "" && (how != "attachment" || media != "application/octet-stream") || c.want != "" && (how != "inline" || media != c.want) {
			t.Errorf("%s %.20q is sent as %s %s", c.said, c.data, media, how)
		}
		if !bytes.Equal([]byte(text), c.data) || !strings.HasPrefix(resp.Header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s: %q %v", c.said, text, resp.Header)
		}
	}
}

func TestManyFiles(t *testing.T) {
	h := newHome(t, "")
	for n, want := range map[int]string{300: "At most 250", 10_000: "more parts than the box tells apart"} {
		names := make([]string, n)
		for i := range names {
			names[i] = fmt.Sprintf("%d.txt", i)
		}
		uid := h.put("INBOX", 0, nil, attached(names...))
		path := pathTo(h.boxes["INBOX"].ID, uid)
		if text := h.shows(path, "Save message"); len(text) > 300_000 {
			t.Errorf("the page has %d octets", len(text))
		}
		if resp, text := h.get(path + "/files.zip"); resp.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(text, want) {
			t.Error(resp.Status, text)
		}
	}
	h.shows(h.path("INBOX"), "With attachments")
}

func TestSource(t *testing.T) {
	h := newHome(t, "")
	uid := h.put("INBOX", 0, nil, mailFrom("a/b <script>", "", "text"))
	resp, text := h.get(pathTo(h.boxes["INBOX"].ID, uid) + "/source")
	if !strings.HasPrefix(text, "From: Rosa") || resp.Header.Get("Content-Type") != "text/plain; charset=utf-8" || !strings.Contains(resp.Header.Get("Content-Security-Policy"), "sandbox") {
		t.Error(resp.Header, text)
	}
	resp, _ = h.get(pathTo(h.boxes["INBOX"].ID, uid) + "/source?save=1")
	if got := resp.Header.Get("Content-Disposition"); got != `attachment; filename="a-b _script_.eml"` {
		t.Error(got)
	}
}

func FuzzName(f *testing.F) {
	f.Add("../x", "image", "png")
	f.Add("CON.", "text", "html")
	f.Fuzz(func(t *testing.T, name, media, subtype string) {
		name = reserved(name)
		value := disposition("attachment", name)
		if strings.ContainsAny(value, "\r\n\x00") {
			t.Errorf("%q", value)
		}
		if how, _, err := mime.ParseMediaType(value); err != nil || how != "attachment" {
			t.Errorf("%q: %q %v", value, how, err)
		}
	})
}
