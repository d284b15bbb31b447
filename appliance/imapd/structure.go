package imapd

import (
	"math"

	"github.com/emersion/go-imap/v2"

	"posthorn/appliance/message"
)

// What message found at delivery, in the library's terms. The library's own
// readers of envelope and structure are not used: they parse the whole message
// for each question, lose addresses, and pass on a multipart without parts, on
// which its writer panics - one such mail would cut off every client that syncs
// the mailbox, for ever.

func toEnvelope(e *message.Envelope) *imap.Envelope {
	full := e.WithDefaults()
	return &imap.Envelope{
		Date:      full.Date,
		Subject:   full.Subject,
		From:      toAddresses(full.From),
		Sender:    toAddresses(full.Sender),
		ReplyTo:   toAddresses(full.ReplyTo),
		To:        toAddresses(full.To),
		Cc:        toAddresses(full.Cc),
		Bcc:       toAddresses(full.Bcc),
		InReplyTo: full.InReplyTo,
		MessageID: full.MessageID,
	}
}

func toAddresses(list []message.Address) []imap.Address {
	out := make([]imap.Address, 0, len(list))
	for _, a := range list {
		out = append(out, imap.Address{Name: a.Name, Mailbox: a.Mailbox, Host: a.Host})
	}
	return out
}

// toStructure translates a part and those below it.
func toStructure(p *message.Part) imap.BodyStructure {
	if p.Multipart() && len(p.Children) > 0 {
		multi := &imap.BodyStructureMultiPart{
			Subtype: p.Subtype,
			Extended: &imap.BodyStructureMultiPartExt{
				Params:      message.ASCIIParams(p.Params),
				Disposition: toDisposition(p),
				Language:    p.Language,
				Location:    p.Location,
			},
		}
		for i := range p.Children {
			multi.Children = append(multi.Children, toStructure(&p.Children[i]))
		}
		return multi
	}
	single := &imap.BodyStructureSinglePart{
		Type:        p.Type,
		Subtype:     p.Subtype,
		Params:      message.ASCIIParams(p.Params),
		ID:          p.ID,
		Description: p.Description,
		Encoding:    p.Encoding,
		Size:        uint32(min(p.BodySize, math.MaxUint32)),
		Extended: &imap.BodyStructureSinglePartExt{
			Disposition: toDisposition(p),
			Language:    p.Language,
			Location:    p.Location,
		},
	}
	switch {
	case p.Multipart():
		// Never comes from message; the writer would panic all the same.
		single.Type, single.Subtype = "application", "octet-stream"
	case p.Embedded != nil:
		single.MessageRFC822 = &imap.BodyStructureMessageRFC822{
			Envelope:      toEnvelope(&p.Embedded.Envelope),
			BodyStructure: toStructure(&p.Embedded.Root),
			NumLines:      p.Lines,
		}
	case p.Type == "text":
		single.Text = &imap.BodyStructureText{NumLines: p.Lines}
	}
	return single
}

func toDisposition(p *message.Part) *imap.BodyStructureDisposition {
	if p.Disposition == "" {
		return nil
	}
	return &imap.BodyStructureDisposition{Value: p.Disposition, Params: message.ASCIIParams(p.DispositionParams)}
}
