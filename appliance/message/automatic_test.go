package message

import (
	"fmt"
	"strings"
	"testing"
)

func TestAutomatic(t *testing.T) {
	for field, want := range map[string]bool{
		"Subject: x":                             false,
		"Auto-Submitted: no":                     false,
		"auto-submitted:  NO ; x=y":              false,
		"Auto-Submitted: auto-replied":           true,
		"Auto-Submitted: auto-generated; type=x": true,
		"Precedence: bulk":                       true,
		"Precedence: LIST":                       true,
		"Precedence: first-class":                false,
		"List-Id: <a.b>":                         true,
		"List-Unsubscribe: <mailto:a@b>":         true,
		"List-Post: NO":                          true,
		"X-Auto-Response-Suppress: DR, OOF":      true,
		"X-Auto-Response-Suppress: None":         false,
	} {
		i := scan("From: a@b\r\n" + field + "\r\n\r\nList-Id: in the body\r\n")
		if i.Automatic != want {
			t.Errorf("%s: %v", field, i.Automatic)
		}
		b, err := i.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := Unmarshal(b); err != nil || back.Automatic != want {
			t.Errorf("%s: %v, %v when read back", field, back.Automatic, err)
		}
	}
}

func TestDeliveredTo(t *testing.T) {
	text := "Delivered-To: first@a\r\n"
	for n := range MaxDeliveredTo + 5 {
		text += fmt.Sprintf("delivered-to: <x%d@b>\r\n", n)
	}
	i := scan(text + "\r\n")
	if got := strings.Join(i.DeliveredTo[:2], " "); len(i.DeliveredTo) != MaxDeliveredTo || got != "first@a x0@b" {
		t.Errorf("%d kept, the first are %s", len(i.DeliveredTo), got)
	}
}
