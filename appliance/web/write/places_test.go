package write

import (
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
)

// Somebody whose forms do not come to an end keeps nobody else from writing.
func TestSlowForms(t *testing.T) {
	h := newHome(t, nil)
	alice, bob := h.browser("alice"), h.browser("bob")
	id, _ := bob.fresh("")
	for range maxOwnUploads {
		body, more := io.Pipe()
		r, err := http.NewRequest("POST", h.site.Server.URL+"/mail/write", body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "multipart/form-data; boundary=edge")
		// The box says to go on when it begins to read: then the form has its place.
		r.Header.Set("Expect", "100-continue")
		reads := make(chan struct{})
		r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{Got100Continue: func() { close(reads) }}))
		go io.WriteString(more, "--edge\r\n")
		over := make(chan struct{})
		go func() {
			defer close(over)
			if resp, err := alice.client.Do(r); err == nil {
				resp.Body.Close()
			}
		}()
		defer func() { <-over }()
		defer more.CloseWithError(io.ErrUnexpectedEOF)
		select {
		case <-reads:
		case <-over:
			t.Fatal("a form was not let in")
		}
	}
	form := []string{"id", id, "from", "bob@example.org", "subject", "Hello", "text", "there", "action", "save"}
	if resp, _ := alice.letter(form); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("one form too many: %s", resp.Status)
	}
	if resp, text := bob.letter(form); resp.StatusCode != http.StatusOK || len(h.mail("bob", "Drafts")) != 1 {
		t.Errorf("somebody else's form: %s\n%s", resp.Status, strings.TrimSpace(text))
	}
}
