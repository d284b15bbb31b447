package page

import (
	_ "embed"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/text/language"
)

// zonesFile has a line for each time zone: a country (ISO 3166) and the zone's
// IANA name, a country's main zone first. It is taken from zone.tab of the
// tz database, which is in the public domain.
//
//go:embed zones.txt
var zonesFile string

// Zones are the time zones to choose from, with one of them chosen.
type Zones struct {
	Chosen string
	Groups []ZoneGroup
}

// ZoneGroup is the zones of a part of the world.
type ZoneGroup struct {
	Name  string
	Zones []string
}

// ZoneList returns all time zones in the groups their names begin with, in the
// order of the alphabet, with one chosen. One that is in no list is added.
func ZoneList(chosen string) Zones {
	var names []string
	for line := range strings.Lines(zonesFile) {
		_, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		names = append(names, name)
	}
	names = append(names, "UTC")
	if chosen != "" {
		names = append(names, chosen)
	}
	slices.Sort(names)
	z := Zones{Chosen: chosen}
	for _, name := range slices.Compact(names) {
		group, _, found := strings.Cut(name, "/")
		if !found {
			group = "UTC"
		}
		if n := len(z.Groups); n == 0 || z.Groups[n-1].Name != group {
			z.Groups = append(z.Groups, ZoneGroup{Name: group})
		}
		last := &z.Groups[len(z.Groups)-1]
		last.Zones = append(last.Zones, name)
	}
	return z
}

// GuessZone is the main time zone of the country the browser's languages speak
// of, for those without scripts; else UTC.
func GuessZone(r *http.Request) string {
	accept := r.Header.Get("Accept-Language")
	tags, _, err := language.ParseAcceptLanguage(accept[:min(len(accept), 200)])
	if err != nil {
		return "UTC"
	}
	for _, tag := range tags {
		region, confidence := tag.Region()
		if confidence < language.High { // "en" may be from anywhere
			continue
		}
		for line := range strings.Lines(zonesFile) {
			if country, name, _ := strings.Cut(strings.TrimSpace(line), " "); country == region.String() {
				return name
			}
		}
	}
	return "UTC"
}
