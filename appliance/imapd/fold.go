package imapd

import (
	"strings"

	"posthorn/appliance/message"
)

// holds says whether text holds a needle folded by [message.Fold].
func holds(text, needle string) bool { return strings.Contains(message.Fold(text), needle) }
