package clean

import (
	"strings"
	"testing"
)

// described writes blocks the way the tables below have them.
func described(blocks []Block) string {
	var b strings.Builder
	for _, block := range blocks {
		b.WriteString([]string{"plain", "quote", "signature"}[block.Kind])
		if block.Folded() {
			b.WriteString(" folded")
		}
		b.WriteString("\n")
		for _, l := range block.Lines {
			b.WriteString("  " + strings.Repeat(">", l.Depth))
			for _, s := range l.Spans {
				if s.Href != "" {
					b.WriteString("[" + s.Text + "](" + s.Href + ")")
				} else {
					b.WriteString(s.Text)
				}
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

func TestText(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
		flow           Flow
	}{
		{"answer", "Yes.\r\n\r\nBob wrote:\r\n> one\r\n> > two\r\n>> three\r\n> four\r\n> five\r\n> six\r\n\r\n-- \r\nAlice\r\n",
			"plain\n  Yes.\n  \n  Bob wrote:\nquote folded\n  >one\n  >>two\n  >>three\n  >four\n  >five\n  >six\nplain\nsignature\n  -- \n  Alice\n", Flow{}},
		{"flowed", "This goes \r\non.\r\n> and this \r\n> too\r\n  stuffed\r\n-- \r\nme\r\n",
			"plain\n  This goes on.\nquote\n  >and this too\nplain\n   stuffed\nsignature\n  -- \n  me\n", Flow{Flowed: true}},
		{"delsp", "one \ntwo\n", "plain\n  onetwo\n", Flow{Flowed: true, DelSp: true}},
		{"markup", "<script>alert(1)</script>\n", "plain\n  <script>alert(1)</script>\n", Flow{}},
		{"empty", "", "", Flow{}},
		{"one line", "no end", "plain\n  no end\n", Flow{}},
	} {
		blocks, cut, err := Text(strings.NewReader(c.in), c.flow)
		if err != nil || cut {
			t.Fatal(c.name, cut, err)
		}
		if got := described(blocks); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

func TestTextLimits(t *testing.T) {
	for _, in := range []string{strings.Repeat("x", MaxText+5), strings.Repeat("\n", MaxLines+5), strings.Repeat("a line\n", MaxText/7+5)} {
		blocks, cut, err := Text(strings.NewReader(in), Flow{})
		if err != nil || !cut {
			t.Error(cut, err)
		}
		n := 0
		for _, b := range blocks {
			n += b.Count()
		}
		if n > MaxLines {
			t.Error(n, "lines")
		}
	}
}

func TestLinks(t *testing.T) {
	for in, want := range map[string]string{
		"see https://e.example/a_(b), or":              "see [https://e.example/a_(b)](https://e.example/a_(b)), or",
		"(http://e.example/x).":                        "([http://e.example/x](http://e.example/x)).",
		"<https://e.example/?a=1&b=2>":                 "<[https://e.example/?a=1&b=2](https://e.example/?a=1&b=2)>",
		"WWW.e.example!":                               "[WWW.e.example](https://WWW.e.example)!",
		"write to a.b@e.example.":                      "write to [a.b@e.example](mailto:a.b@e.example).",
		"mailto:a@e.example":                           "mailto:[a@e.example](mailto:a@e.example)",
		"javascript:alert(1) data:text/html,x":         "javascript:alert(1) data:text/html,x",
		"http:// https://x www. a@b @":                 "http:// https://x www. a@b @",
		"javascript:x//https://e.example/\"onclick=":   "javascript:x//[https://e.example/](https://e.example/)\"onclick=",
		"日本語 https://e.example/日本 です":                  "日本語 [https://e.example/日本](https://e.example/%E6%97%A5%E6%9C%AC) です",
		"two https://a.example and https://b.example.": "two [https://a.example](https://a.example) and [https://b.example](https://b.example).",
	} {
		got := strings.TrimPrefix(described([]Block{{Lines: []Line{{Spans: Links(in)}}}}), "plain\n  ")
		if strings.TrimSuffix(got, "\n") != want {
			t.Errorf("%s\n became %s    want %s", in, got, want)
		}
	}
}

func FuzzLinks(f *testing.F) {
	f.Add("see https://e.example/a_(b), <www.x.example> or a@b.example!")
	f.Add("javascript:https://e.example")
	f.Fuzz(func(t *testing.T, in string) {
		var joined strings.Builder
		for _, s := range Links(in) {
			joined.WriteString(s.Text)
			if s.Href != "" && !strings.HasPrefix(s.Href, "http") && !strings.HasPrefix(s.Href, "mailto:") {
				t.Errorf("a link to %q", s.Href)
			}
		}
		if joined.String() != in {
			t.Errorf("%q became %q", in, joined.String())
		}
	})
}
