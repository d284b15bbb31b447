// Package write is where people write mail and see what becomes of it: the
// writing page, the Outbox, and what a person chooses about sending.
//
// # A letter's way
//
//	GET  /mail/write          a new letter, an answer, or a draft
//	POST /mail/write          one form for everything: save, attach, remove, send
//	       files are streamed into a new draft, which takes the old one's place
//	send   the message goes into the person's Outbox as one put there by any
//	       mail program does, held for the undo time or until a set time
//	POST /mail/write/undo     out of the Outbox, back to Drafts
//
// There is one copy of a draft: the message in the mailbox Drafts, found by its
// Message-ID, which stays the same from the first save to the message that is
// sent. Nothing is kept in memory between two requests, and every mail program
// sees the same draft.
//
// # Wear
//
// A draft is written only when something changed. The page saves by itself
// every 20 seconds at most, less often when there are files, for these are
// written again each time: see autosave in static/write.js and saveEvery.
package write

import (
	"embed"
	"log/slog"
	"time"

	"posthorn/appliance/control"
	"posthorn/appliance/post"
	"posthorn/appliance/web/page"
	"posthorn/store"
)

//go:embed templates static
var files embed.FS

// Limits.
const (
	// maxUpload is how many octets a form may have whatever the owner allows.
	maxUpload = 512 << 20
	// saveEvery is the shortest time between two saves that the page makes by
	// itself; each megabyte of files adds fileSave.
	saveEvery = 20 * time.Second
	fileSave  = 10 * time.Second
	// maxUploads is how many forms may come in at a time: each holds up to 350
	// KiB of memory, and the card writes one after the other anyway.
	maxUploads    = 6
	maxOwnUploads = 3 // of one person: whose connection is slow leaves room for others
)

// Write serves the pages. All fields must be set before Routes is called.
type Write struct {
	Site   *page.Site
	Store  *store.Store
	Office *post.Office
	Box    *control.Box
	Log    *slog.Logger

	area   *page.Area
	book   book
	places page.Places // of forms that come in
}

// Routes registers the pages.
func (w *Write) Routes() (err error) {
	w.places.Most, w.places.Own = maxUploads, maxOwnUploads
	if w.area, err = w.Site.Area(files, "write"); err != nil {
		return err
	}
	s := w.Site
	s.Person("GET /mail/write", w.write)
	s.Person("POST /mail/write", w.post, page.Upload(maxUpload))
	s.Person("POST /mail/write/discard", w.discard)
	s.Person("POST /mail/write/restore", w.restore)
	s.Person("POST /mail/write/undo", w.undo)
	s.Person("GET /mail/write/addresses", w.addresses)
	s.Person("GET /mail/outbox", w.outbox)
	s.Person("POST /mail/outbox", w.change)
	s.Person("POST /mail/withdraw", w.withdraw)
	s.About(page.Entry{Path: "/me/sending", Key: "write.sending", Order: 10})
	s.Person("GET /me/sending", w.sending)
	s.Person("POST /me/sending", w.saveSending)
	s.Person("POST /me/sending/away", w.saveAway)
	s.Person("POST /me/sending/forward", w.saveForward, page.Proved)
	return nil
}
