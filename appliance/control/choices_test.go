package control

import (
	"errors"
	"maps"
	"testing"
	"time"

	"posthorn/store"
)

// values is the box's settings by name.
func values(t *testing.T, b *Box) map[string]string {
	list, err := b.Choices()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, c := range list {
		if c.Help == "" {
			t.Errorf("%s is not explained", c.Name)
		}
		all[c.Name] = c.Value
	}
	return all
}

func TestChoices(t *testing.T) {
	b := newBox(t)
	before := values(t, b)
	for name, c := range map[string]struct{ good, bad []string }{
		"household":            {[]string{"", "The Lees", "Keluarga Wibowo"}, []string{" x", "a\nb", string(make([]byte, 300))}},
		"language":             {[]string{"en", "id"}, []string{"", "xx"}},
		"timezone":             {[]string{"Asia/Jakarta", "UTC"}, []string{"", "Local", "Nowhere/Here"}},
		"undo":                 {[]string{"1m0s", "0s", "10m0s"}, []string{"", "-1s", "11m", "soon"}},
		"rescue-days":          {[]string{"0", "365"}, []string{"-1", "366", "x", ""}},
		"catch-all":            {[]string{"alice", ""}, []string{"nobody"}},
		"open-to-internet":     {[]string{"yes", "no"}, []string{"", "true"}},
		"screen-sender":        {[]string{"yes", "no"}, []string{"on"}},
		"screen-subject":       {[]string{"yes", "no"}, []string{"on"}},
		"screen-blank":         {[]string{"0", "1440"}, []string{"-5", "1441"}},
		"screen-night-from":    {[]string{"0", "23"}, []string{"24", "-1"}},
		"screen-night-to":      {[]string{"0", "23"}, []string{"24", "-1"}},
		"led-errors-only":      {[]string{"yes", "no"}, []string{"maybe"}},
		"page-without-tls":     {[]string{"yes", "no"}, []string{"", "1"}},
		"page-from-everywhere": {[]string{"yes", "no"}, []string{"open"}},
	} {
		delete(before, name)
		for _, v := range c.good {
			if err := b.SetChoices(map[string]string{name: v}); err != nil {
				t.Errorf("%s %q: %v", name, v, err)
			} else if got := values(t, b)[name]; got != v {
				t.Errorf("%s: set %q, read %q", name, v, got)
			}
		}
		was := values(t, b)
		for _, v := range c.bad {
			err := b.SetChoices(map[string]string{name: v, "household": "not this"})
			var wrong *ChoiceError
			if !errors.As(err, &wrong) || !errors.Is(err, ErrUsage) {
				t.Errorf("%s %q: %v", name, v, err)
			}
		}
		if now := values(t, b); !maps.Equal(was, now) {
			t.Errorf("a refused value of %s changed %v to %v", name, was, now)
		}
	}
	if len(before) > 0 {
		t.Errorf("not tried: %v", before)
	}
	if err := b.SetChoices(map[string]string{"color": "blue"}); !errors.Is(err, ErrUsage) {
		t.Errorf("a setting there is none of: %v", err)
	}
}

// An undo time of nothing is not the default.
func TestUndoChoice(t *testing.T) {
	b := newBox(t)
	for v, want := range map[string]time.Duration{"0s": -1, "2m": 2 * time.Minute} {
		if err := b.SetChoices(map[string]string{"undo": v}); err != nil {
			t.Fatal(err)
		}
		err := b.Store.View(func(tx *store.Tx) error {
			set, err := tx.Settings()
			if set.Undo != want {
				t.Errorf("%s is kept as %v, want %v", v, set.Undo, want)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
