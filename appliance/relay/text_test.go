package relay

import "testing"

func TestQuotePath(t *testing.T) {
	for address, want := range map[string]struct {
		path  string
		ascii bool
	}{
		"a@b.example":         {"a@b.example", true},
		"a@bücher.example":    {"a@xn--bcher-kva.example", true},
		"ä@bücher.example":    {"ä@bücher.example", false},
		"a@-ü-.example":       {"a@-ü-.example", false},
		"":                    {"", true},
		"a b@b.example":       {`"a b"@b.example`, true},
		`a"b\@bücher.example`: {`"a\"b\\"@xn--bcher-kva.example`, true},
		"..@b.example":        {`".."@b.example`, true},
	} {
		if got := quotePath(address); got != want.path {
			t.Errorf("%q is written %q, want %q", address, got, want.path)
		}
		if _, ascii := ASCIIAddress(address); ascii != want.ascii {
			t.Errorf("%q: ASCII %v, want %v", address, ascii, want.ascii)
		}
	}
}
