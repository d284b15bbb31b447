package diary

import "time"

// What a forecast is made from and how far it goes.
const (
	// forecastLeast is how many days must lie between the first and the last
	// one: less says nothing.
	forecastLeast = 3
	// forecastMost is the farthest forecast, in days; what is later is never.
	forecastMost = 5 * 365
)

// Forecast tells in how many days the disk will be full if it fills as it did
// over the days given, oldest first; ok is false when that can't be told, or is
// not in sight. It is the slope of the straight line that lies closest to the
// days (least squares), so that one large mail, or one tidy day, does not turn
// it.
func Forecast(days []Day) (left int, ok bool) {
	var n, sumX, sumY, sumXX, sumXY, lastX float64
	var first time.Time
	for _, d := range days {
		at, err := time.Parse(time.DateOnly, d.Date)
		if err != nil {
			continue
		}
		if first.IsZero() {
			first = at
		}
		x, y := at.Sub(first).Hours()/24, float64(d.Free)
		n, sumX, sumY, sumXX, sumXY, lastX = n+1, sumX+x, sumY+y, sumXX+x*x, sumXY+x*y, x
	}
	if n < 2 || lastX < forecastLeast {
		return 0, false
	}
	slope := (n*sumXY - sumX*sumY) / (n*sumXX - sumX*sumX)
	if slope >= 0 {
		return 0, false
	}
	until := float64(days[len(days)-1].Free) / -slope
	if until > forecastMost {
		return 0, false
	}
	return int(until), true
}
