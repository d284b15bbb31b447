package appliance

import (
	"errors"
	"time"

	"posthorn/appliance/update"
)

// ErrRestart is the error of a Run that ended because the owner asked for a
// restart: make another Box from the same Config.
var ErrRestart = errors.New("the box restarts")

// errOff ends a Run as its context would.
var errOff = errors.New("the box was told to stop")

// restart has Run end with ErrRestart.
func (b *Box) restart() { b.order(ErrRestart) }

// switchOff shuts the board down. A computer that is more than a mail box goes
// on: only the program ends.
func (b *Box) switchOff() {
	if _, err := update.System("/"); errors.Is(err, update.ErrNoCard) {
		b.order(errOff)
		return
	}
	b.powerOff()
}

// orderPause is how long the box goes on after an order to stop, for the page
// that answers to arrive with its style and script.
const orderPause = 2 * time.Second

// order tells Run to end; the first one counts.
func (b *Box) order(what error) {
	time.AfterFunc(orderPause, func() {
		select {
		case b.orders <- what:
		default:
		}
	})
}
