package appliance

import (
	"net/http"
	"testing"
)

// A web site whose name leads to the box reads neither its screen nor its
// figures.
func TestOtherSitesSeeNothing(t *testing.T) {
	b := runBox(t, "")
	b.addAccounts("alice")
	for _, path := range []string{"/screen.png", "/metrics"} {
		for host, want := range map[string]int{"evil.example": http.StatusMisdirectedRequest, "mailbox.local": http.StatusOK} {
			r, err := http.NewRequest("GET", "http://"+b.Addr("http").String()+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Host = host
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != want {
				t.Errorf("%s of %s: %s, want %d", path, host, resp.Status, want)
			}
		}
	}
}
