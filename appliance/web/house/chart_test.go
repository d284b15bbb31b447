package house

import (
	"strings"
	"testing"

	"posthorn/appliance/diary"
)

func TestChart(t *testing.T) {
	if newChart(nil) != nil || newChart([]diary.Day{{Date: "no day"}}) != nil {
		t.Error("a chart of nothing")
	}
	one := newChart([]diary.Day{{Date: "2026-11-22", In: 1}})
	if len(one.Days) != diary.Keep || strings.Count(one.Line, ",") != 2 {
		t.Errorf("one day: %d days, line %q", len(one.Days), one.Line)
	}
	c := newChart([]diary.Day{{Date: "2026-11-20", In: 1000, Out: 1, Bytes: 1 << 40}, {Date: "2026-11-22", In: 500, Bytes: 1 << 39}})
	first, gap, last := c.Days[diary.Keep-3], c.Days[diary.Keep-2], c.Days[diary.Keep-1]
	if c.Peak != 1000 || c.In != 1500 || !first.Known || gap.Known || last.At.Day() != 22 {
		t.Errorf("%+v", c)
	}
	if first.In.Height != chartHeight-4 || first.Out.Height < 2 || last.In.Height != (chartHeight-4)/2 || gap.In.Height != 0 {
		t.Errorf("bars of %d, %d, %d and %d", first.In.Height, first.Out.Height, last.In.Height, gap.In.Height)
	}
	for _, d := range c.Days {
		if d.In.Y+d.In.Height != chartHeight || d.In.Y < 0 || d.XOut+barWidth > c.Width {
			t.Errorf("%s sticks out: %+v", d.At, d)
		}
	}
	if c.Line != "550,4 590,52" || c.Area != "550,100 550,4 590,52 590,100" {
		t.Errorf("line %q, area %q", c.Line, c.Area)
	}
}
