package detect

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"posthorn/hw"
	"posthorn/hw/oled"
)

// Where says what kind of place a display is at.
type Where uint8

const (
	// Nowhere means no display.
	Nowhere Where = iota
	// Auto means to look for one on the buses that are safe to ask.
	Auto
	// Terminal means a picture only, drawn where the program was started.
	Terminal
	// Soft means a picture only.
	Soft
	// OnBus means a given bus and address.
	OnBus
)

// Spec is what --display says.
type Spec struct {
	Where   Where
	Model   string // one of Models; "" for whatever Auto finds
	Bus     int    // number of /dev/i2c-N
	Addr    uint16
	Rotated bool
	Offset  int // more columns to the left, for odd clones
}

// Models lists the displays there are drivers for, as --display names them.
func Models() []string {
	return []string{"ssd1306-128x64", "ssd1306-128x32", "sh1106", "lcd-16x2", "lcd-20x4"}
}

// modelSize is the size of the glass.
func modelSize(model string) hw.Size {
	switch model {
	case "ssd1306-128x32":
		return hw.Dots128x32
	case "lcd-16x2":
		return hw.Text16x2
	case "lcd-20x4":
		return hw.Text20x4
	}
	return hw.Dots128x64
}

// isLCD says which driver a model needs.
func isLCD(model string) bool { return strings.HasPrefix(model, "lcd-") }

// oledConfig is how the module is built.
func (s Spec) oledConfig() oled.Config {
	c := oled.Config{Addr: s.Addr, Size: modelSize(s.Model), Rotated: s.Rotated, Offset: s.Offset}
	if s.Model == "sh1106" {
		c.Chip = oled.SH1106
	}
	return c
}

// ParseSpec reads the value of --display:
//
//	none                     no display
//	auto                     look for one
//	terminal, soft           a picture only; with :MODEL, of another size
//	MODEL                    look for one, and take it for this model
//	MODEL@BUS:ADDR           for example sh1106@1:0x3c
//
// after which may stand ",rotated" for a module mounted upside down, and
// ",offset=N" for a clone whose picture is N columns off.
func ParseSpec(text string) (Spec, error) {
	parts := strings.Split(text, ",")
	s, err := parsePlace(parts[0])
	if err != nil {
		return Spec{}, fmt.Errorf("display %q: %w", text, err)
	}
	for _, option := range parts[1:] {
		offset, isOffset := strings.CutPrefix(option, "offset=")
		switch {
		case option == "rotated":
			s.Rotated = true
		case isOffset:
			n, err := strconv.ParseUint(offset, 10, 3)
			if err != nil || n > 4 {
				return Spec{}, fmt.Errorf("display %q: the offset is a number from 0 to 4", text)
			}
			s.Offset = int(n)
		default:
			return Spec{}, fmt.Errorf("display %q: unknown option %q; there are rotated and offset=N", text, option)
		}
	}
	return s, nil
}

func parsePlace(text string) (Spec, error) {
	kind, model, _ := strings.Cut(text, ":")
	if kind == "terminal" || kind == "soft" {
		s := Spec{Where: Soft, Model: "ssd1306-128x64"}
		if kind == "terminal" {
			s.Where = Terminal
		}
		if model == "" {
			return s, nil
		}
		s.Model = model
		return s, checkModel(model)
	}
	switch text {
	case "", "none":
		return Spec{}, nil
	case "auto":
		return Spec{Where: Auto}, nil
	}
	model, place, given := strings.Cut(text, "@")
	if err := checkModel(model); err != nil {
		return Spec{}, err
	}
	if !given {
		return Spec{Where: Auto, Model: model}, nil
	}
	bus, addr, ok := strings.Cut(place, ":")
	n, err := strconv.ParseUint(strings.TrimPrefix(bus, "i2c-"), 10, 8)
	if !ok || err != nil {
		return Spec{}, fmt.Errorf("after @ comes BUS:ADDR, for example 1:0x3c")
	}
	a, err := strconv.ParseUint(addr, 0, 8)
	if err != nil || a < 0x08 || a > 0x77 {
		return Spec{}, fmt.Errorf("%q is not an address from 0x08 to 0x77", addr)
	}
	return Spec{Where: OnBus, Model: model, Bus: int(n), Addr: uint16(a)}, nil
}

func checkModel(model string) error {
	if slices.Contains(Models(), model) {
		return nil
	}
	return fmt.Errorf("%q is none of auto, none, terminal, soft, %s", model, strings.Join(Models(), ", "))
}

// String writes the spec as ParseSpec reads it.
func (s Spec) String() string {
	var text string
	switch s.Where {
	case Nowhere:
		return "none"
	case Auto:
		text = "auto"
		if s.Model != "" {
			text = s.Model
		}
	case Terminal:
		text = "terminal:" + s.Model
	case Soft:
		text = "soft:" + s.Model
	case OnBus:
		text = fmt.Sprintf("%s@%d:%#x", s.Model, s.Bus, s.Addr)
	}
	if s.Rotated {
		text += ",rotated"
	}
	if s.Offset != 0 {
		text += fmt.Sprintf(",offset=%d", s.Offset)
	}
	return text
}
