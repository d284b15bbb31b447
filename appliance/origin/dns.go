package origin

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
)

// asker asks the DNS on behalf of one check, within its limits. It has the
// methods that package spf wants.
type asker struct {
	resolver *net.Resolver
	asked    atomic.Int32
}

// admit counts a question.
func (d *asker) admit(name string) error {
	if d.asked.Add(1) > MaxLookups {
		return &net.DNSError{Err: fmt.Sprintf("more than %d questions for one message", MaxLookups), Name: name}
	}
	return nil
}

// LookupTXT leaves out records that are larger than any that makes sense.
func (d *asker) LookupTXT(ctx context.Context, name string) ([]string, error) {
	if err := d.admit(name); err != nil {
		return nil, err
	}
	all, err := d.resolver.LookupTXT(ctx, name)
	var kept []string
	for _, text := range all {
		if len(text) <= maxRecord {
			kept = append(kept, text)
		}
	}
	return kept, err
}

func (d *asker) LookupMX(ctx context.Context, name string) ([]*net.MX, error) {
	if err := d.admit(name); err != nil {
		return nil, err
	}
	return d.resolver.LookupMX(ctx, name)
}

func (d *asker) LookupIPAddr(ctx context.Context, host string) ([]net.IPAddr, error) {
	if err := d.admit(host); err != nil {
		return nil, err
	}
	return d.resolver.LookupIPAddr(ctx, host)
}

func (d *asker) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	if err := d.admit(addr); err != nil {
		return nil, err
	}
	return d.resolver.LookupAddr(ctx, addr)
}
