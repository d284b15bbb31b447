package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"posthorn/appliance/login"
	"posthorn/store"
)

// Client does the operations on a box, running or not.
type Client struct {
	// Running tells whether a running box answers.
	Running bool

	http  *http.Client
	close func() error
}

// Open returns a client for the box that keeps its data in the directory
// data: the running one, or else the store, opened until Close. A data
// directory that does not exist is made only if create is set.
func Open(data string, create bool, log *slog.Logger) (*Client, error) {
	if c, err := openRunning(data); c != nil || err != nil {
		return c, err
	}
	if _, err := os.Stat(StoreDir(data)); err != nil && !create {
		return nil, fmt.Errorf("no mail box in %s: %w; name its directory with --data, or start one with posthorn serve", data, err)
	}
	return openStore(data, log)
}

// openRunning returns a client for the running box; nil if none runs.
func openRunning(data string) (*Client, error) {
	socket := filepath.Join(data, SocketName)
	conn, err := net.Dial("unix", socket)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reach the running box at %s: %w", socket, err)
	}
	conn.Close()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	c := newClient(dial)
	c.Running = true
	return c, nil
}

// openStore opens the store and serves its operations through a pipe.
func openStore(data string, log *slog.Logger) (*Client, error) {
	s, err := store.Open(store.Options{Dir: StoreDir(data), Log: log})
	if errors.Is(err, store.ErrInUse) {
		return nil, fmt.Errorf("%w; a box that is starting or stopping answers again in a moment", err)
	}
	if err != nil {
		return nil, err
	}
	box := &Box{Store: s, Keeper: &login.Keeper{Store: s, Log: log}, Log: log}
	return openPipe(box.Handler(), log, s.Close), nil
}

// openPipe serves a handler through a pipe until the client is closed, which
// calls end.
func openPipe(h http.Handler, log *slog.Logger, end func() error) *Client {
	pipe := newPipe()
	server := &http.Server{Handler: h, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
	go server.Serve(pipe)
	c := newClient(pipe.dial)
	c.close = func() error { return errors.Join(server.Close(), end()) }
	return c
}

func newClient(dial func(ctx context.Context, network, address string) (net.Conn, error)) *Client {
	return &Client{http: &http.Client{Transport: &http.Transport{DialContext: dial}}}
}

// Close closes the connection, and the store if it was opened.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	if c.close != nil {
		return c.close()
	}
	return nil
}

// do makes one request. body is sent as JSON unless it is a reader or nil.
func (c *Client) do(ctx context.Context, method, path, contentType string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://box"+path, body)
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("the box did not answer: %w", err)
	}
	if resp.StatusCode < 400 {
		return resp, nil
	}
	defer resp.Body.Close()
	var f failure
	if err := json.NewDecoder(resp.Body).Decode(&f); err != nil || f.Error == "" {
		return nil, fmt.Errorf("the box answered %s", resp.Status)
	}
	return nil, errors.New(f.Error)
}

// call makes a request in JSON and reads the answer into out, unless nil.
func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	resp, err := c.do(ctx, method, path, "application/json", body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		return nil
	}
	return decode(resp, out)
}

// decode reads an answer in JSON.
func decode(resp *http.Response, out any) error {
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("read the box's answer: %w", err)
	}
	return nil
}

func account(name string, rest ...string) string {
	path := "/accounts/" + url.PathEscape(name)
	for _, r := range rest {
		path += "/" + url.PathEscape(r)
	}
	return path
}

// Status tells how the box fares.
func (c *Client) Status(ctx context.Context) (st Status, err error) {
	return st, c.call(ctx, "GET", "/status", nil, &st)
}

// Log returns the last lines of a running box's log, oldest first.
func (c *Client) Log(ctx context.Context) (lines []string, err error) {
	return lines, c.call(ctx, "GET", "/log", nil, &lines)
}

// Check reads the whole store and verifies it, which takes as long as the
// card needs to be read.
func (c *Client) Check(ctx context.Context) (r Report, err error) {
	return r, c.call(ctx, "POST", "/check", nil, &r)
}

// Accounts lists the accounts.
func (c *Client) Accounts(ctx context.Context) (list []Account, err error) {
	return list, c.call(ctx, "GET", "/accounts", nil, &list)
}

// AddAccount makes an account.
func (c *Client) AddAccount(ctx context.Context, n NewAccount) error {
	return c.call(ctx, "POST", "/accounts", n, nil)
}

// SetPassword gives an account a new password.
func (c *Client) SetPassword(ctx context.Context, name, password string) error {
	return c.call(ctx, "PUT", account(name, "password"), password, nil)
}

// SetQuota limits an account's mail to so many octets; 0 lifts the limit.
func (c *Client) SetQuota(ctx context.Context, name string, quota int64) error {
	return c.call(ctx, "PUT", account(name, "quota"), quota, nil)
}

// SetUndo sets how long an account's mail to others waits to be called back.
func (c *Client) SetUndo(ctx context.Context, name string, undo time.Duration) error {
	return c.call(ctx, "PUT", account(name, "undo"), undo, nil)
}

// AppPasswords lists the passwords of an account's devices.
func (c *Client) AppPasswords(ctx context.Context, name string) (list []AppPassword, err error) {
	return list, c.call(ctx, "GET", account(name, "app-passwords"), nil, &list)
}

// AddAppPassword makes a password for a device; the answer alone holds it.
func (c *Client) AddAppPassword(ctx context.Context, name, label string) (p AppPassword, err error) {
	return p, c.call(ctx, "POST", account(name, "app-passwords"), label, &p)
}

// RevokeAppPassword removes a device's password, named by label or ID.
func (c *Client) RevokeAppPassword(ctx context.Context, name, which string) error {
	return c.call(ctx, "DELETE", account(name, "app-passwords", which), nil, nil)
}

// Aliases lists the aliases.
func (c *Client) Aliases(ctx context.Context) (list []Alias, err error) {
	return list, c.call(ctx, "GET", "/aliases", nil, &list)
}

// PutAlias makes an alias or replaces its targets.
func (c *Client) PutAlias(ctx context.Context, a Alias) error {
	return c.call(ctx, "PUT", "/aliases/"+url.PathEscape(a.Address), a.Targets, nil)
}

// RemoveAlias removes an alias.
func (c *Client) RemoveAlias(ctx context.Context, address string) error {
	return c.call(ctx, "DELETE", "/aliases/"+url.PathEscape(address), nil, nil)
}

// Backup writes a backup of what changed after version since, 0 for
// everything, and returns the version up to which it goes.
func (c *Client) Backup(ctx context.Context, w io.Writer, since uint64) (version uint64, err error) {
	resp, err := c.do(ctx, "GET", "/backup?since="+strconv.FormatUint(since, 10), "", nil)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return 0, fmt.Errorf("backup is not complete: %w", err)
	}
	version, err = strconv.ParseUint(resp.Trailer.Get(versionField), 10, 64)
	if err != nil {
		return 0, errors.New("backup is not complete: the box broke it off; its log says why")
	}
	return version, nil
}
