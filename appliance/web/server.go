// Package web is the box's pages, rendered on the box and usable without
// JavaScript. Nothing is loaded from elsewhere: the pages work in a home whose
// Internet is down.
//
// Here the areas are put together and guarded as a whole; package page is what
// they share, and each area is a package of its own:
//
//	words     what the pages say, in each language
//	session   who is behind a request
//	page      routes with guards, layout, notices, errors, static files
//	setup     the first set-up, and invitations
//	connect   connecting a device, and the first look without TLS
//	house     how the box fares, and the owner's settings
//	me        logging in, and what belongs to a person
//	clean     what may be shown of a mail, whoever wrote it
//	listing   the newest conversations, and search, of large mailboxes
//	mail      folders, lists, search, reading, and what is done with mail
//	compose   letters people write, as messages
//	write     the writing page, the Outbox, sending
//	sorting   rules that sort a person's mail
//
// A request goes through
//
//	the home network       others are refused unless the owner opened the page
//	the box's own names    a page reached under another name explains itself,
//	                       for that is how a strange web site would get in
//	                       (DNS rebinding)
//	headers                nothing from elsewhere, no inline script
//	the guards of its route (package page)
package web

import (
	"fmt"
	"log/slog"
	"net/http"

	"posthorn/appliance/control"
	"posthorn/appliance/events"
	"posthorn/appliance/login"
	"posthorn/appliance/web/connect"
	"posthorn/appliance/web/house"
	"posthorn/appliance/web/mail"
	"posthorn/appliance/web/me"
	"posthorn/appliance/web/page"
	"posthorn/appliance/web/session"
	"posthorn/appliance/web/setup"
	"posthorn/appliance/web/sorting"
	"posthorn/appliance/web/words"
	"posthorn/appliance/web/write"
	"posthorn/store"
)

// Server makes the pages. All fields but Log must be set.
type Server struct {
	Facts   page.Facts
	Store   *store.Store
	Keeper  *login.Keeper
	Control *control.Box
	Hub     *events.Hub
	// Code is what the first set-up asks for.
	Code *setup.Code
	// Names are all host names the box has, besides its addresses.
	Names func() []string
	// ClockSet tells whether the time can be believed.
	ClockSet func() bool
	// Log gets what goes wrong; nil discards.
	Log *slog.Logger

	site  *page.Site
	setup *setup.Setup
}

// Handler returns the pages as one handler. The error is a template or a
// catalogue that cannot be read, which is a mistake in these packages.
func (s *Server) Handler() (http.Handler, error) {
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	all, err := words.Read()
	if err != nil {
		return nil, err
	}
	s.site = &page.Site{Facts: s.Facts, Store: s.Store, Words: all, Log: s.Log, Actions: s.Control.Record,
		Sessions: &session.Manager{Store: s.Store, ClockSet: s.ClockSet, Log: s.Log}}
	s.setup = &setup.Setup{Site: s.site, Control: s.Control, Code: s.Code}
	for _, area := range s.areas() {
		if err := area.Routes(); err != nil {
			return nil, fmt.Errorf("make the pages: %w", err)
		}
	}
	s.site.Public("GET /{$}", s.home, page.Clear)
	return s.homeNetwork(s.ownNames(secured(s.site.Handler()))), nil
}

// area is one area of the pages.
type area interface {
	// Routes registers the area's pages with the site.
	Routes() error
}

// areas are all areas. Each further one is put in here.
func (s *Server) areas() []area {
	return []area{
		s.setup,
		&connect.Connect{Site: s.site, New: s.fresh},
		&house.House{Site: s.site, Store: s.Store, Hub: s.Hub, Control: s.Control},
		&me.Me{Site: s.site, Keeper: s.Keeper, Control: s.Control},
		&mail.Mail{Site: s.site, Store: s.Store, Hub: s.Hub, Office: s.Control.Office},
		&sorting.Sorting{Site: s.site, Store: s.Store},
		&write.Write{Site: s.site, Store: s.Store, Office: s.Control.Office, Box: s.Control, Log: s.Log},
	}
}

// fresh tells whether nobody has set the box up yet.
func (s *Server) fresh() bool {
	needed, err := s.setup.Needed()
	return err == nil && needed
}

// home leads to where a visitor wants to be: to the set-up of a box that has
// nobody yet, or which its owner left half way; to the login; or to their own
// pages.
func (s *Server) home(w http.ResponseWriter, r *http.Request) {
	to := "/login"
	switch p := session.From(r.Context()); {
	case !s.site.Protected(r):
		to = "/welcome"
	case s.fresh():
		to = "/setup"
	case p != nil && p.Owner && s.setup.Left() != "":
		to = s.setup.Left()
	case p != nil:
		to = s.site.Home(p)
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}
