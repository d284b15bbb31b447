package font

import (
	"strings"
	"testing"
)

// draw spells a glyph as lines of '#' and '.'.
func draw(f Font, r rune) string {
	var b strings.Builder
	for y := range f.Height {
		for x := range f.Width {
			if f.Dot(r, x, y) {
				b.WriteByte('#')
			} else {
				b.WriteByte('.')
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestGlyph(t *testing.T) {
	const want = `......
..#...
.#.#..
#...#.
#...#.
#####.
#...#.
#...#.
......
......
`
	if got := draw(Fixed6x10(), 'A'); got != want {
		t.Errorf("A in 6x10:\n%swant\n%s", got, want)
	}
}

func TestCoverage(t *testing.T) {
	const names = "Zoë Müller Łukasz Čapek Şahin Ștefan Ærø ñ ¿? Χρήστος Ώρα Ольга Їжак Ґ € · … – ° →"
	for name, f := range map[string]Font{"5x8": Fixed5x8(), "6x10": Fixed6x10(), "6x13": Fixed6x13()} {
		for _, r := range names {
			if !f.Has(r) {
				t.Errorf("%s lacks %q", name, r)
			}
		}
	}
	for _, r := range "0123456789:%+" {
		if !Fixed10x20().Has(r) {
			t.Errorf("10x20 lacks %q", r)
		}
	}
}

func TestMissingGlyph(t *testing.T) {
	f := Fixed6x10()
	if draw(f, '漢') != draw(f, Replacement) {
		t.Error("a missing character is not drawn as the replacement")
	}
	if f.Dot('A', -1, 0) || f.Dot('A', 0, f.Height) {
		t.Error("a dot outside the cell is lit")
	}
	for y := range 20 {
		if Fixed10x20().Dot('漢', 5, y) {
			t.Error("a font without a replacement drew something")
		}
	}
}
