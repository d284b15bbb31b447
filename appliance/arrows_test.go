package appliance

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Who may import whom, of the tree's own packages. A package not named here
// fails the test: its place in the house is to be decided, not to happen.
var (
	floors   = []string{"store", "hw"}
	below    = []string{"login", "post", "message", "certs", "relay", "events", "listen", "mailfile", "update", "sntp", "diary", "rules", "origin", "stick"}
	siblings = []string{"smtpd", "imapd", "pop3d", "web", "queue", "panel", "discovery", "documents", "control"}
	// Arrows between siblings: a page shows the screen's picture and serves
	// the documents that mail programs look for; what an owner can do includes
	// choices for the screen.
	allowed = map[string][]string{"web": {"panel", "discovery", "documents", "control"}, "control": {"panel"}}
	// Packages within web: what its areas share, each may import those before
	// it; and the areas, which do not know each other.
	shared = []string{"words", "session", "page", "pagetest"}
	areas  = map[string][]string{"connect": nil, "me": nil, "setup": nil, "house": nil, "clean": nil, "compose": nil, "listing": nil, "mail": {"clean", "compose", "listing"}, "write": {"compose"}, "sorting": nil}
)

func TestArrows(t *testing.T) {
	for _, p := range packages(t) {
		from := strings.TrimPrefix(p.ImportPath, "posthorn/")
		if strings.HasPrefix(from, "scripts/") {
			continue // programs that make files of the tree
		}
		if !mayImport(from, "") {
			t.Errorf("package %s has no place: name it in this test", from)
		}
		for _, to := range p.Imports {
			if to == "github.com/dgraph-io/badger/v4" && from != "store" {
				t.Errorf("%s imports Badger; only store may", from)
			}
			if to, ours := strings.CutPrefix(to, "posthorn/"); ours && !mayImport(from, to) {
				t.Errorf("%s imports %s", from, to)
			}
		}
	}
}

type listedPackage struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) (list []listedPackage) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "posthorn/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	in := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p listedPackage
		err := in.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	if len(list) < 5 {
		t.Fatalf("go list found %d packages", len(list))
	}
	return list
}

// mayImport tells whether the package from may import the package to; with to
// empty, whether from is known at all. Paths are within the module.
func mayImport(from, to string) bool {
	floor := func(p string) bool {
		top, _, _ := strings.Cut(p, "/")
		return slices.Contains(floors, top)
	}
	name, inside := strings.CutPrefix(from, "appliance/")
	target, _ := strings.CutPrefix(to, "appliance/")
	switch {
	case from == "cmd/posthorn", from == "appliance":
		return !strings.HasPrefix(to, "cmd/") && !(from == "appliance" && to == "appliance")
	case floor(from):
		// Drivers stand beside hw and use it; a floor knows nobody else.
		top, _, _ := strings.Cut(from, "/")
		return to == "" || to == top || strings.HasPrefix(to, top+"/")
	case !inside:
		return false
	case strings.HasPrefix(name, "web/"):
		return webMayImport(strings.TrimPrefix(name, "web/"), to)
	case name == "web" && strings.HasPrefix(target, "web/"):
		return true
	case to == "" || floor(to):
		return (slices.Contains(below, name) || slices.Contains(siblings, name)) && !(name == "message" && to != "")
	case slices.Contains(siblings, name):
		return slices.Contains(below, target) || slices.Contains(allowed[name], target)
	case slices.Contains(below, name):
		return slices.Contains(below, target) && name != "message"
	}
	return false
}

// webMayImport is mayImport for a package within web.
func webMayImport(from, to string) bool {
	layer := slices.Index(shared, from)
	mates, isArea := areas[from]
	if sibling, within := strings.CutPrefix(to, "appliance/web/"); within {
		at := slices.Index(shared, sibling)
		return at >= 0 && (isArea || at < layer) || slices.Contains(mates, sibling)
	}
	return (isArea || layer >= 0) && (to == "" || to != "appliance/web" && mayImport("appliance/web", to))
}

func TestArrowsRefuse(t *testing.T) {
	for _, bad := range [][2]string{
		{"appliance/smtpd", "appliance/imapd"}, {"store", "appliance/message"}, {"hw/oled", "store"},
		{"appliance/post", "appliance/smtpd"}, {"appliance/message", "store"}, {"appliance/web", "appliance"},
		{"appliance/common", "store"}, {"util", ""}, {"appliance/web/page", "appliance/web/mail"},
		{"appliance/web/mail", "appliance/web/me"}, {"appliance/web/me", "appliance/web"}, {"appliance/web/other", ""},
	} {
		if mayImport(bad[0], bad[1]) {
			t.Errorf("%s may import %q", bad[0], bad[1])
		}
	}
	for _, good := range [][2]string{
		{"cmd/posthorn", "appliance"}, {"appliance", "hw/oled"}, {"appliance/web", "appliance/panel"},
		{"hw/oled", "hw"}, {"appliance/imapd", "store"}, {"appliance/post", "appliance/message"},
		{"appliance/web/mail", "appliance/web/clean"}, {"appliance/web/page", "appliance/web/words"},
		{"appliance/web/mail", "appliance/post"}, {"appliance/web", "appliance/web/mail"},
	} {
		if !mayImport(good[0], good[1]) {
			t.Errorf("%s may not import %s", good[0], good[1])
		}
	}
}
