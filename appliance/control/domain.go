package control

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/idna"

	"posthorn/appliance/relay"
	"posthorn/store"
)

// maxDomains is how many domains a box has besides its own name.
const maxDomains = 50

// Record is a DNS record that a domain's owner should publish.
type Record struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Text string `json:"text"`
	Why  string `json:"why"`
}

// Domains lists the mail domains besides the box's own name, the main one
// first.
func (b *Box) Domains() ([]string, error) {
	list := []string{}
	err := b.Store.View(func(tx *store.Tx) error {
		set, err := tx.Settings()
		list = append(list, set.Domains...)
		return err
	})
	return list, err
}

// AddDomain makes a domain one of the box's own, with a key that signs its
// mail. main makes it the one that new addresses are made with.
func (b *Box) AddDomain(name string, main bool) error {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if ascii, err := idna.Lookup.ToASCII(name); err != nil || !strings.Contains(ascii, ".") || len(ascii) > 253 {
		return fmt.Errorf("%w: %q can't be a mail domain", ErrUsage, name)
	}
	key, err := relay.NewKey(name)
	if err != nil {
		return err
	}
	err = b.Store.Update(func(tx *store.Tx) error {
		set, err := tx.Settings()
		if err != nil {
			return err
		}
		known := slices.Index(set.Domains, name)
		if known >= 0 && !main {
			return fmt.Errorf("domain %s: %w", name, store.ErrExists)
		}
		if known >= 0 {
			set.Domains = slices.Delete(set.Domains, known, known+1)
		}
		if len(set.Domains) >= maxDomains {
			return fmt.Errorf("a box has at most %d domains: %w", maxDomains, store.ErrTooLarge)
		}
		if main {
			set.Domains = slices.Insert(set.Domains, 0, name)
		} else {
			set.Domains = append(set.Domains, name)
		}
		if _, err := relay.DomainKey(tx, name); errors.Is(err, store.ErrNotFound) {
			if err := key.Put(tx); err != nil {
				return err
			}
		}
		return tx.PutSettings(set)
	})
	if err == nil {
		b.log().Info("domain added", "domain", name, "main", main)
	}
	return err
}

// RemoveDomain takes a domain and its key from the box. Errors:
// [store.ErrNotFound].
func (b *Box) RemoveDomain(name string) error {
	name = strings.ToLower(name)
	return b.Store.Update(func(tx *store.Tx) error {
		set, err := tx.Settings()
		if err != nil {
			return err
		}
		i := slices.Index(set.Domains, name)
		if i < 0 {
			return unknownDomain(name)
		}
		set.Domains = slices.Delete(set.Domains, i, i+1)
		return errors.Join(relay.DeleteKey(tx, name), tx.PutSettings(set))
	})
}

func unknownDomain(name string) error {
	return fmt.Errorf("domain %s: %w; posthorn domain list shows those there are", name, store.ErrNotFound)
}

// Records lists the DNS records that a domain needs for its mail to be
// believed. Errors: [store.ErrNotFound].
func (b *Box) Records(name string) (list []Record, err error) {
	name = strings.ToLower(name)
	err = b.Store.View(func(tx *store.Tx) error {
		list = nil
		set, err := tx.Settings()
		if err != nil {
			return err
		}
		if !slices.Contains(set.Domains, name) {
			return unknownDomain(name)
		}
		key, err := relay.DomainKey(tx, name)
		if err == nil {
			at, text, err := key.Record()
			if err != nil {
				return err
			}
			list = append(list, Record{at, "TXT", text, "others check with it that your mail is yours"})
		} else if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		spf := Record{name, "TXT", "v=spf1 mx -all", "only the servers named by MX, this box, send mail of the domain"}
		if set.Sending == store.SendSmarthost {
			spf.Text = "v=spf1 include:PROVIDER -all"
			spf.Why = "only your provider's server sends mail of the domain; its help pages say what to write for PROVIDER"
		}
		ascii, err := idna.Lookup.ToASCII(name)
		if err != nil {
			return err
		}
		spf.Name = ascii
		list = append(list, spf, Record{"_dmarc." + ascii, "TXT", "v=DMARC1; p=none; rua=mailto:postmaster@" + ascii,
			"what others do with mail that fails both checks: p=none only reports, p=quarantine once the reports are good"},
			Record{ascii, "MX", "10 NAME.", "where mail for the domain goes: the name of this box in the Internet, if it can be reached from there"})
		return nil
	})
	return list, err
}

// domainRoutes are the routes of mail domains.
func (b *Box) domainRoutes(route func(string, func(*http.Request) (any, error))) {
	route("GET /domains", func(*http.Request) (any, error) { return b.Domains() })
	route("PUT /domains/{name}", func(r *http.Request) (any, error) {
		main, err := read[bool](r)
		if err != nil {
			return nil, err
		}
		return nil, b.AddDomain(r.PathValue("name"), main)
	})
	route("DELETE /domains/{name}", func(r *http.Request) (any, error) { return nil, b.RemoveDomain(r.PathValue("name")) })
	route("GET /domains/{name}/records", func(r *http.Request) (any, error) { return b.Records(r.PathValue("name")) })
}

// Domains lists the mail domains besides the box's own name.
func (c *Client) Domains(ctx context.Context) (list []string, err error) {
	return list, c.call(ctx, "GET", "/domains", nil, &list)
}

// AddDomain makes a domain one of the box's own, the main one if main is set.
func (c *Client) AddDomain(ctx context.Context, name string, main bool) error {
	return c.call(ctx, "PUT", "/domains/"+url.PathEscape(name), main, nil)
}

// RemoveDomain takes a domain from the box.
func (c *Client) RemoveDomain(ctx context.Context, name string) error {
	return c.call(ctx, "DELETE", "/domains/"+url.PathEscape(name), nil, nil)
}

// Records lists the DNS records a domain should have.
func (c *Client) Records(ctx context.Context, name string) (list []Record, err error) {
	return list, c.call(ctx, "GET", "/domains/"+url.PathEscape(name)+"/records", nil, &list)
}
