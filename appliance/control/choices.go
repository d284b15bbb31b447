package control

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"posthorn/appliance/panel"
	"posthorn/store"
)

// Limits of what an owner can choose.
const (
	maxHousehold  = 60   // characters of the household's name
	maxRescueDays = 365  // days
	maxBlank      = 1440 // minutes
)

// Languages are those the pages speak.
func Languages() []string { return []string{"en", "id"} }

// Choice is one of the owner's settings, as the command line shows it.
type Choice struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Help  string `json:"help"` // what it does and what values it takes
}

// ChoiceError says that a setting can't have a value. It is an [ErrUsage].
type ChoiceError struct {
	Name string // of the setting
	Text string // what values it takes
}

func (e *ChoiceError) Error() string { return e.Name + ": " + e.Text }

// Unwrap makes it an [ErrUsage].
func (e *ChoiceError) Unwrap() error { return ErrUsage }

// chosen is everything the owner's settings are kept in.
type chosen struct {
	tx     *store.Tx
	box    store.Settings
	screen panel.Choices
}

func readChosen(tx *store.Tx) (c *chosen, err error) {
	c = &chosen{tx: tx}
	if c.box, err = tx.Settings(); err != nil {
		return nil, err
	}
	c.screen, err = panel.ReadChoices(tx)
	return c, err
}

// setting is how one of them is read and set. set returns false for a value
// that is none; help then says what is.
type setting struct {
	name, help string
	get        func(*chosen) string
	set        func(*chosen, string) bool
}

// settings is the list of all, in the order in which they are shown.
func settings() []setting {
	return []setting{
		{"household", "name of the household, as pages and the network show it; at most 60 characters",
			func(c *chosen) string { return c.box.Household },
			func(c *chosen, v string) bool { c.box.Household = v; return plainText(v, maxHousehold) }},
		{"language", "language of the pages for those who did not choose: " + strings.Join(Languages(), " or "),
			func(c *chosen) string { return c.box.Language },
			func(c *chosen, v string) bool { c.box.Language = v; return slices.Contains(Languages(), v) }},
		{"timezone", "the household's time zone, such as Europe/Berlin",
			func(c *chosen) string { return cmp.Or(c.box.TimeZone, "UTC") },
			func(c *chosen, v string) bool { c.box.TimeZone = v; return isZone(v) }},
		{"undo", "how long mail to others can be called back, unless a person has chosen: 0s to 10m",
			func(c *chosen) string { return undoOf(c.box).String() }, setUndo},
		{"rescue-days", "days for which what a POP3 program deletes stays in Trash: 0 to 365",
			func(c *chosen) string { return strconv.Itoa(c.box.POP3RescueDays) },
			func(c *chosen, v string) bool { return setNumber(&c.box.POP3RescueDays, v, maxRescueDays) }},
		{"catch-all", "account that gets mail for addresses nobody has; empty: such mail is refused",
			func(c *chosen) string { return c.box.CatchAll }, setCatchAll},
		{"open-to-internet", "port 25 takes mail from everywhere and not only from home: yes or no",
			func(c *chosen) string { return yesNo(c.box.OpenToInternet) },
			func(c *chosen, v string) bool { return setYesNo(&c.box.OpenToInternet, v) }},
		{"page-without-tls", "the page takes passwords on connections without TLS, which anybody in the house can read along: yes or no",
			func(c *chosen) string { return yesNo(c.box.PlainPage) },
			func(c *chosen, v string) bool { return setYesNo(&c.box.PlainPage, v) }},
		{"page-from-everywhere", "the page answers outside the home's own networks, too: yes or no",
			func(c *chosen) string { return yesNo(c.box.OpenPage) },
			func(c *chosen, v string) bool { return setYesNo(&c.box.OpenPage, v) }},
		{"screen-sender", "the screen shows who wrote the newest mail: yes or no",
			func(c *chosen) string { return yesNo(c.screen.ShowSender) },
			func(c *chosen, v string) bool { return setYesNo(&c.screen.ShowSender, v) }},
		{"screen-subject", "the screen shows its subject, too: yes or no",
			func(c *chosen) string { return yesNo(c.screen.ShowSubject) },
			func(c *chosen, v string) bool { return setYesNo(&c.screen.ShowSubject, v) }},
		{"screen-blank", "minutes after which an unchanged screen goes dark: 0 (never) to 1440",
			func(c *chosen) string { return strconv.Itoa(c.screen.BlankMinutes) },
			func(c *chosen, v string) bool { return setNumber(&c.screen.BlankMinutes, v, maxBlank) }},
		{"screen-night-from", "hour at which the screen's night begins: 0 to 23",
			func(c *chosen) string { return strconv.Itoa(c.screen.NightFrom) },
			func(c *chosen, v string) bool { return setNumber(&c.screen.NightFrom, v, 23) }},
		{"screen-night-to", "hour at which it ends: 0 to 23; the same as its begin: there is no night",
			func(c *chosen) string { return strconv.Itoa(c.screen.NightTo) },
			func(c *chosen, v string) bool { return setNumber(&c.screen.NightTo, v, 23) }},
		{"led-errors-only", "the LED shows errors and nothing else: yes or no",
			func(c *chosen) string { return yesNo(c.screen.LEDOff) },
			func(c *chosen, v string) bool { return setYesNo(&c.screen.LEDOff, v) }},
	}
}

// plainText tells whether a text is one line of at most so many characters.
func plainText(v string, most int) bool {
	return len([]rune(v)) <= most && !strings.ContainsFunc(v, unicode.IsControl) && strings.TrimSpace(v) == v
}

// undoOf is how long the box holds mail that can be called back.
func undoOf(set store.Settings) time.Duration {
	if set.Undo == 0 {
		return store.DefaultUndo
	}
	return max(set.Undo, 0)
}

func setUndo(c *chosen, v string) bool {
	d, err := time.ParseDuration(v)
	if err != nil || d < 0 || d > store.MaxUndo {
		return false
	}
	if c.box.Undo = d; d == 0 {
		c.box.Undo = -1 // 0 stands for the default
	}
	return true
}

func setCatchAll(c *chosen, v string) bool {
	c.box.CatchAll = strings.ToLower(v)
	if v == "" {
		return true
	}
	_, err := c.tx.AccountByName(v)
	return err == nil
}

func setNumber(to *int, v string, most int) bool {
	n, err := strconv.Atoi(v)
	*to = n
	return err == nil && n >= 0 && n <= most
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func setYesNo(to *bool, v string) bool {
	*to = v == "yes"
	return v == "yes" || v == "no"
}

// Choices lists the owner's settings.
func (b *Box) Choices() ([]Choice, error) {
	var list []Choice
	err := b.Store.View(func(tx *store.Tx) error {
		list = nil
		c, err := readChosen(tx)
		if err != nil {
			return err
		}
		for _, s := range settings() {
			list = append(list, Choice{s.name, s.get(c), s.help})
		}
		return nil
	})
	return list, err
}

// SetChoices changes the settings named, all of them or none. Errors:
// [*ChoiceError] for a value that can't be, [ErrUsage] for a name there is
// none of.
func (b *Box) SetChoices(values map[string]string) error {
	all := settings()
	for name := range values {
		if !slices.ContainsFunc(all, func(s setting) bool { return s.name == name }) {
			return fmt.Errorf("%w: there is no setting %q; posthorn settings lists them", ErrUsage, name)
		}
	}
	var changed []any
	err := b.Store.Update(func(tx *store.Tx) error {
		changed = nil
		c, err := readChosen(tx)
		if err != nil {
			return err
		}
		for _, s := range all {
			v, ok := values[s.name]
			if !ok || v == s.get(c) {
				continue
			}
			if !s.set(c, v) {
				return &ChoiceError{s.name, s.help}
			}
			changed = append(changed, s.name, v)
		}
		if changed == nil {
			return nil
		}
		return errors.Join(panel.WriteChoices(tx, c.screen), tx.PutSettings(c.box))
	})
	if err == nil && changed != nil {
		b.log().Info("settings changed", changed...)
	}
	return err
}

// choiceRoutes are the routes of the owner's settings.
func (b *Box) choiceRoutes(route func(string, func(*http.Request) (any, error))) {
	route("GET /settings", func(*http.Request) (any, error) { return b.Choices() })
	route("PATCH /settings", func(r *http.Request) (any, error) {
		values, err := read[map[string]string](r)
		if err != nil {
			return nil, err
		}
		return nil, b.SetChoices(values)
	})
}

// Choices lists the owner's settings.
func (c *Client) Choices(ctx context.Context) (list []Choice, err error) {
	return list, c.call(ctx, "GET", "/settings", nil, &list)
}

// SetChoices changes the settings named, all of them or none.
func (c *Client) SetChoices(ctx context.Context, values map[string]string) error {
	return c.call(ctx, "PATCH", "/settings", values, nil)
}

// isZone tells whether there is an IANA time zone of that name.
func isZone(name string) bool {
	_, err := time.LoadLocation(name)
	return err == nil && name != "" && name != "Local"
}
