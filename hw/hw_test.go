package hw

import (
	"testing"
	"time"
)

func TestDots(t *testing.T) {
	f := NewFrame(Dots128x32)
	f.Set(5, 9, true)
	if got := f.Page(1)[5]; got != 0b10 {
		t.Errorf("row 9 is %#b in page 1, want bit 1", got)
	}
	if !f.Lit(5, 9) || f.Lit(5, 10) || f.Lit(-1, 9) || f.Lit(128, 9) || f.Lit(5, 32) {
		t.Error("the wrong dots are lit")
	}
	f.Set(128, 0, true)
	f.Set(0, 32, true)
	f.Put(0, 0, 'x')
	if f.Pages() != 4 {
		t.Errorf("%d pages, want 4", f.Pages())
	}
	g := f.Moved(3, 2)
	if !g.Lit(8, 11) || g.Lit(5, 9) || g.Equal(f) {
		t.Error("the moved frame is not moved")
	}
	if !f.Moved(0, 0).Equal(f) {
		t.Error("a frame moved by nothing differs")
	}
	c := f.Clone()
	c.Clear()
	if !f.Lit(5, 9) || c.Lit(5, 9) {
		t.Error("a clone shares its dots")
	}
}

func TestText(t *testing.T) {
	f := NewFrame(Text20x4)
	f.Put(19, 3, 'z')
	f.Put(20, 3, 'y')
	f.Set(1, 1, true)
	if got := string(f.Line(3)); got != "                   z" {
		t.Errorf("line 3 is %q", got)
	}
	if f.Lit(1, 1) {
		t.Error("a text frame has dots")
	}
	if !f.Moved(1, 1).Equal(f) {
		t.Error("a text frame moved")
	}
}

func TestFlashes(t *testing.T) {
	p := Flashes(2, 120*time.Millisecond, 120*time.Millisecond, 1640*time.Millisecond)
	if p.Period() != 2*time.Second || len(p) != 4 {
		t.Errorf("two flashes take %v in %d steps", p.Period(), len(p))
	}
	if _, steady := p.Steady(); steady {
		t.Error("flashes are steady")
	}
	if on, steady := (Pattern{{On: true}}).Steady(); !on || !steady {
		t.Error("one step does not stay on")
	}
	if on, steady := (Pattern)(nil).Steady(); on || !steady {
		t.Error("no step is not off")
	}
}

func TestGlyphsFit(t *testing.T) {
	if n := len(Glyphs()); n > 8 {
		t.Errorf("%d glyphs, an LCD holds 8", n)
	}
	for _, g := range Glyphs() {
		for _, row := range g.Rows {
			if row > 0x1f {
				t.Errorf("%c is wider than five dots", g.Rune)
			}
		}
	}
}
