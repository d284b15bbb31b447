package imapd

import (
	"crypto/tls"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// TestStrictClient: a client that parses every answer to the letter goes
// through what a mail program does in a day, over TLS.
func TestStrictClient(t *testing.T) {
	b := newBox(t, "")
	news := make(chan uint32, 10)
	c, err := imapclient.DialTLS(b.tls, &imapclient.Options{
		TLSConfig: &tls.Config{InsecureSkipVerify: true},
		UnilateralDataHandler: &imapclient.UnilateralDataHandler{Mailbox: func(data *imapclient.UnilateralDataMailbox) {
			if data.NumMessages != nil {
				news <- *data.NumMessages
			}
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(c.Login("alice@mailbox.local", password).Wait())
	if !c.Caps().Has(imap.CapIMAP4rev2) || !c.Caps().Has(imap.CapQuota) {
		t.Errorf("capabilities: %v", c.Caps())
	}
	_, err = c.ID(&imap.IDData{Name: "test"}).Wait()
	must(err)
	_, err = c.Enable(imap.CapIMAP4rev2, imap.CapUTF8Accept).Wait()
	must(err)
	namespace, err := c.Namespace().Wait()
	must(err)
	if len(namespace.Personal) != 1 || namespace.Personal[0].Delim != '/' {
		t.Errorf("namespace: %+v", namespace)
	}
	must(c.Create("Größe/Ä", nil).Wait())
	list, err := c.List("", "*", &imap.ListOptions{ReturnSpecialUse: true, ReturnStatus: &imap.StatusOptions{NumMessages: true, Size: true}}).Collect()
	must(err)
	if !slices.ContainsFunc(list, func(l *imap.ListData) bool { return l.Mailbox == "Größe/Ä" && *l.Status.NumMessages == 0 }) {
		t.Errorf("list: %+v", list)
	}
	_, err = c.Select("INBOX", nil).Wait()
	must(err)

	idle, err := c.Idle()
	must(err)
	mail := "From: =?utf-8?q?J=C3=B6rg?= <j@example.org>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nContent-Type: multipart/mixed; boundary=q\r\n\r\n" +
		"--q\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nR3LDvMOfZQ==\r\n--q--\r\n"
	b.put("INBOX", mail)
	select {
	case n := <-news:
		if n != 1 {
			t.Errorf("EXISTS %d", n)
		}
	case <-time.After(10 * time.Second):
		t.Error("IDLE says nothing")
	}
	must(idle.Close())
	must(idle.Wait())

	literal := &imap.FetchItemBinarySection{Part: []int{1}, Peek: true}
	got, err := c.Fetch(imap.SeqSetNum(1), &imap.FetchOptions{UID: true, Flags: true, Envelope: true, InternalDate: true, RFC822Size: true,
		BodyStructure: &imap.FetchItemBodyStructure{Extended: true}, BodySection: []*imap.FetchItemBodySection{{Peek: true}},
		BinarySection: []*imap.FetchItemBinarySection{literal}}).Collect()
	must(err)
	m := got[0]
	if m.Envelope.Subject != "Grüße" || m.Envelope.From[0].Name != "Jörg" || m.BodyStructure.MediaType() != "multipart/mixed" ||
		string(m.FindBodySection(&imap.FetchItemBodySection{Peek: true})) != mail || string(m.FindBinarySection(literal)) != "Grüße" {
		t.Errorf("fetched %+v", m)
	}
	found, err := c.UIDSearch(&imap.SearchCriteria{Body: []string{"grüße"}, Smaller: 1000, Since: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)},
		&imap.SearchOptions{ReturnAll: true, ReturnCount: true}).Wait()
	must(err)
	if found.Count != 1 || len(found.AllUIDs()) != 1 || found.AllUIDs()[0] != 1 {
		t.Errorf("found %+v", found)
	}
	upload := c.Append("Größe/Ä", int64(len(mail)), &imap.AppendOptions{Flags: []imap.Flag{imap.FlagSeen, "$Work"}})
	_, err = io.Copy(upload, strings.NewReader(mail))
	must(err)
	must(upload.Close())
	appended, err := upload.Wait()
	must(err)
	if appended.UID != 1 {
		t.Errorf("appended %+v", appended)
	}
	moved, err := c.Move(imap.UIDSetNum(1), "Größe/Ä").Wait()
	must(err)
	if moved.DestUIDs.String() != "2" {
		t.Errorf("moved %+v", moved)
	}
	quota, err := c.GetQuotaRoot("INBOX").Wait()
	must(err)
	if len(quota) != 1 || quota[0].Resources[imap.QuotaResourceMessage].Usage != 2 {
		t.Errorf("quota %+v", quota)
	}
	must(c.Logout().Wait())
}
