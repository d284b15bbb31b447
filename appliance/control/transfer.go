package control

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"mime/multipart"
	"net/url"
	"path/filepath"
	"strconv"

	"posthorn/appliance/mailfile"
)

// Progress is told how far a transfer is: octets of files for an import,
// messages for an export. The last call, of a transfer that succeeds, has done
// equal to total, and no other has.
type Progress func(done, total int64)

// Summary is what a transfer did.
type Summary struct {
	Messages   int      `json:"messages"`   // moved
	Duplicates int      `json:"duplicates"` // passed over: they were there
	Bytes      int64    `json:"bytes"`      // octets moved
	Problems   []string `json:"problems"`   // files or messages that could not be read, the first hundred
	Failed     int      `json:"failed"`     // how many
}

const maxProblems = 100

func (s *Summary) failed(text string) {
	if s.Failed++; len(s.Problems) < maxProblems {
		s.Problems = append(s.Problems, text)
	}
}

// Import brings the mail in path into the account. Its top folder becomes
// mailbox, "" for INBOX, and the folders below it mailboxes of the same name,
// below mailbox if that is given. It can be repeated: what is there already is
// passed over.
func (c *Client) Import(ctx context.Context, name string, format mailfile.Format, path, mailbox string, progress Progress) (Summary, error) {
	in := &importer{c: c, account: name, top: mailbox, progress: progress}
	in.Problems = []string{}
	var err error
	if in.total, err = measure(path); err != nil {
		return in.Summary, err
	}
	err = format.Read(path, mailfile.Visitor{
		Folder: func(folder string) error {
			return c.call(ctx, "POST", account(name, "mailboxes"), in.mailbox(folder), nil)
		},
		Message: func(m *mailfile.Message) error { return in.message(ctx, m) },
		Skipped: func(path string, err error) { in.failed(fmt.Sprintf("%s: %v", path, err)) },
	})
	err = cmp.Or(in.finish(), err)
	if err == nil && progress != nil {
		progress(in.total, in.total)
	}
	return in.Summary, err
}

// measure adds up the files at path.
func measure(path string) (octets int64, err error) {
	err = filepath.WalkDir(path, func(at string, e fs.DirEntry, err error) error {
		if err != nil {
			if at == path {
				return err
			}
			return nil // named when it is to be read
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			octets += info.Size()
		}
		return nil
	})
	return octets, err
}

// importer sends messages in batches, each one request.
type importer struct {
	Summary
	c        *Client
	account  string
	top      string
	progress Progress
	total    int64
	done     int64

	// The batch under way; parts is nil between batches.
	body   *io.PipeWriter
	parts  *multipart.Writer
	count  int
	octets int64
	answer chan error
	result Batch
}

// mailbox is where a folder of the source goes.
func (in *importer) mailbox(folder string) string {
	switch {
	case folder == "" && in.top == "":
		return "INBOX"
	case folder == "":
		return in.top
	case in.top == "":
		return folder
	}
	return in.top + "/" + folder
}

func (in *importer) message(ctx context.Context, m *mailfile.Message) error {
	if in.parts == nil {
		in.begin(ctx)
	}
	w, err := startPart(in.parts, Transfer{Mailbox: in.mailbox(m.Mailbox), Flags: m.Flags,
		Keywords: m.Keywords, Received: m.Received})
	if err == nil {
		var n int64
		n, err = io.Copy(w, m.Body)
		in.octets += n
	}
	if err != nil {
		// A box that refuses stops reading; what it says is the reason.
		in.body.CloseWithError(err)
		return cmp.Or(in.finish(), err)
	}
	in.done += m.Octets
	if in.count++; in.count == MaxBatch || in.octets >= MaxBatchOctets {
		return in.finish()
	}
	return nil
}

// begin opens a batch.
func (in *importer) begin(ctx context.Context) {
	r, w := io.Pipe()
	in.body, in.parts, in.count, in.octets = w, multipart.NewWriter(w), 0, 0
	in.answer, in.result = make(chan error, 1), Batch{}
	contentType := "multipart/mixed; boundary=" + in.parts.Boundary()
	go func() {
		resp, err := in.c.do(ctx, "POST", account(in.account, "import"), contentType, r)
		if err == nil {
			err = json.NewDecoder(resp.Body).Decode(&in.result)
			resp.Body.Close()
		}
		r.CloseWithError(errBroken)
		in.answer <- err
	}()
}

// errBroken is what writing into a batch meets after its request has ended.
var errBroken = errors.New("the box broke the import off")

// finish ends the batch under way, if any, and waits for its answer.
func (in *importer) finish() error {
	if in.parts == nil {
		return nil
	}
	in.parts.Close()
	in.body.Close()
	in.parts = nil
	if err := <-in.answer; err != nil {
		return err
	}
	in.Messages += in.result.Added
	in.Duplicates += in.result.Duplicates
	in.Bytes += in.result.Bytes
	if in.progress != nil && in.done < in.total {
		in.progress(in.done, in.total)
	}
	return nil
}

// Export writes the account's mail, or that of one mailbox, into files below
// the directory dir. INBOX becomes the top folder of a Maildir. Messages that
// an earlier export to the same Maildir wrote are passed over.
func (c *Client) Export(ctx context.Context, name string, format mailfile.Format, dir, mailbox string, progress Progress) (Summary, error) {
	sum := Summary{Problems: []string{}}
	resp, err := c.do(ctx, "GET", account(name, "export")+"?mailbox="+url.QueryEscape(mailbox), "", nil)
	if err != nil {
		return sum, err
	}
	defer resp.Body.Close()
	_, params, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		return sum, fmt.Errorf("read the box's answer: %w", err)
	}
	total, err := strconv.ParseInt(resp.Header.Get(messagesField), 10, 64)
	if err != nil {
		return sum, fmt.Errorf("read the box's answer: %w", err)
	}
	out, err := format.NewWriter(dir)
	if err != nil {
		return sum, err
	}
	parts := multipart.NewReader(resp.Body, params["boundary"])
	for {
		part, err := parts.NextRawPart()
		if err == io.EOF {
			if err := out.Close(); err != nil {
				return sum, err
			}
			if progress != nil {
				progress(total, total)
			}
			return sum, nil
		}
		if err != nil {
			return sum, fmt.Errorf("export is not complete: %w", err)
		}
		if err := sum.write(out, part); err != nil {
			return sum, err
		}
		if done := int64(sum.Messages + sum.Duplicates + sum.Failed); progress != nil && done < total {
			progress(done, total)
		}
	}
}

// write puts one part of an export into its file.
func (s *Summary) write(out mailfile.Writer, part *multipart.Part) error {
	var t Transfer
	if err := json.Unmarshal([]byte(part.Header.Get(partHeader)), &t); err != nil {
		return fmt.Errorf("read the box's answer: %w", err)
	}
	folder := t.Mailbox
	if folder == "INBOX" {
		folder = ""
	}
	switch {
	case t.Folder:
		return out.Folder(folder)
	case t.Damaged != "":
		s.failed(fmt.Sprintf("mailbox %q, %s", t.Mailbox, t.Damaged))
		return nil
	}
	body := &countingReader{r: part}
	written, err := out.Put(&mailfile.Message{Mailbox: folder, Flags: t.Flags, Keywords: t.Keywords,
		Received: t.Received, Name: t.Name, Body: body})
	if err != nil {
		return err
	}
	if written {
		s.Messages++
		s.Bytes += body.n
	} else {
		s.Duplicates++
	}
	return nil
}

type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
