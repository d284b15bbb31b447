package panel

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"posthorn/store"
)

// Choices are the owner's for screen and LED.
type Choices struct {
	ShowSender   bool // of the newest mail, on the home page
	ShowSubject  bool // with the sender
	BlankMinutes int  // how long a display stays lit without any change; 0 = for ever
	// NightFrom and NightTo are hours, 0 to 23, in the owner's time zone. With
	// both the same there is no night.
	NightFrom, NightTo int
	LEDOff             bool // the LED shows errors only
}

// DefaultChoices are those of a new box. Neither sender nor subject is shown,
// because screens hang in hallways.
func DefaultChoices() Choices {
	return Choices{BlankMinutes: 10, NightFrom: 22, NightTo: 7}
}

// choicesKey is where they are in the store.
const choicesKey = "panel/choices"

// ReadChoices returns the owner's choices, or the defaults.
func ReadChoices(tx *store.Tx) (Choices, error) {
	c := DefaultChoices()
	b, err := tx.Value(choicesKey)
	if errors.Is(err, store.ErrNotFound) {
		return c, nil
	}
	if err != nil {
		return c, fmt.Errorf("panel: reading the owner's choices: %w", err)
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return DefaultChoices(), fmt.Errorf("panel: reading the owner's choices: %w", err)
	}
	return c, nil
}

// WriteChoices replaces the owner's choices.
func WriteChoices(tx *store.Tx, c Choices) error {
	if c.NightFrom < 0 || c.NightFrom > 23 || c.NightTo < 0 || c.NightTo > 23 {
		return fmt.Errorf("panel: the night is from %d to %d; hours are 0 to 23", c.NightFrom, c.NightTo)
	}
	if c.BlankMinutes < 0 {
		return fmt.Errorf("panel: a display can't go dark after %d minutes; 0 is never", c.BlankMinutes)
	}
	b, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("panel: writing the owner's choices: %w", err)
	}
	return tx.PutValue(choicesKey, b)
}

// blank is how long a display stays lit without a change; 0 is for ever.
func (c Choices) blank() time.Duration {
	return time.Duration(c.BlankMinutes) * time.Minute
}

// night reports whether t is in the night.
func (c Choices) night(t time.Time) bool {
	h := t.Hour()
	if c.NightFrom <= c.NightTo {
		return h >= c.NightFrom && h < c.NightTo
	}
	return h >= c.NightFrom || h < c.NightTo
}
