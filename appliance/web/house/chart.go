package house

import (
	"strconv"
	"strings"
	"time"

	"posthorn/appliance/diary"
)

// The chart's own units; the browser stretches it to the width of the page.
const (
	chartSlot   = 20 // of a day
	chartHeight = 100
	barWidth    = 7
)

// chart is the last thirty days as a drawing and as a table.
type chart struct {
	Width    int
	Days     []chartDay // every day, also those on which the box was off
	Peak     int64      // messages on the busiest day, one way
	PeakSize int64      // octets of mail, at most
	Line     string     // points of the line of storage
	Area     string     // the same, down to the ground
	In, Out  int64      // of all days
}

// chartDay is one day of the chart.
type chartDay struct {
	diary.Day
	At      time.Time
	Known   bool // the box ran
	X, XOut int  // where its bars begin
	In, Out bar
}

// bar is a bar's top and height.
type bar struct{ Y, Height int }

// newChart draws the days; nil without any.
func newChart(days []diary.Day) *chart {
	if len(days) == 0 {
		return nil
	}
	known := make(map[string]diary.Day, len(days))
	c := &chart{Width: diary.Keep * chartSlot, Peak: 1, PeakSize: 1}
	for _, d := range days {
		known[d.Date] = d
		c.Peak = max(c.Peak, d.In, d.Out)
		c.PeakSize = max(c.PeakSize, d.Bytes)
		c.In += d.In
		c.Out += d.Out
	}
	last, err := time.Parse(time.DateOnly, days[len(days)-1].Date)
	if err != nil {
		return nil
	}
	var line []string
	for i := range diary.Keep {
		at := last.AddDate(0, 0, i-diary.Keep+1)
		d := chartDay{At: at, X: i*chartSlot + 2, XOut: i*chartSlot + 2 + barWidth + 1}
		d.Day, d.Known = known[at.Format(time.DateOnly)]
		d.In, d.Out = c.bar(d.Day.In), c.bar(d.Day.Out)
		c.Days = append(c.Days, d)
		if d.Known {
			y := chartHeight - int(d.Bytes*(chartHeight-4)/c.PeakSize)
			line = append(line, strconv.Itoa(i*chartSlot+chartSlot/2)+","+strconv.Itoa(y))
		}
	}
	if len(line) == 1 { // a point of no length is not drawn
		x, y, _ := strings.Cut(line[0], ",")
		at, _ := strconv.Atoi(x)
		line = append(line, strconv.Itoa(at+chartSlot/2)+","+y)
	}
	c.Line = strings.Join(line, " ")
	first, _, _ := strings.Cut(line[0], ",")
	end, _, _ := strings.Cut(line[len(line)-1], ",")
	ground := "," + strconv.Itoa(chartHeight)
	c.Area = first + ground + " " + c.Line + " " + end + ground
	return c
}

// bar is as high as n is of the peak; what there is is always to be seen.
func (c *chart) bar(n int64) bar {
	height := int(n * (chartHeight - 4) / c.Peak)
	if n > 0 {
		height = max(height, 2)
	}
	return bar{chartHeight - height, height}
}

// First is the chart's first day, Last its last.
func (c *chart) First() time.Time { return c.Days[0].At }

// Last is the chart's last day.
func (c *chart) Last() time.Time { return c.Days[len(c.Days)-1].At }
