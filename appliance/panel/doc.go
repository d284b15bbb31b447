// Package panel is what the box says to people in the room: pages on a small
// screen, the pattern of an LED, and a button to answer with.
//
// It goes in one direction:
//
//	store, queue, network, clock -> Face -> View -> Frame -> display
//	                                 |
//	                                 +-> signal -> LED
//
// A Face holds facts and nothing about looks. A director decides which page
// is to be seen, and how bright: it rotates, wakes, dims at night, goes dark,
// and listens to the button. Draw turns both into a frame and is pure, so every
// page on every size has a golden file, which holds what a display shows after
// the bytes went over the (software) bus.
//
// One goroutine owns the bus. It takes the newest frame and drops those it was
// too slow for, so neither mail nor the other parts ever wait for a display; a
// stuck bus delays nothing but the picture. A display that fails is tried again
// every five seconds at first and every minute later, for ever; each loss and
// each return is one line in the log.
//
// Only the director knows about time, and is told it, so whole days pass in a
// test.
package panel
