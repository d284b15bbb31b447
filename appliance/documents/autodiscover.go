package documents

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/mail"
	"strings"
)

// maxRequest is the longest Autodiscover request that is read, in bytes;
// Outlook's have some 400.
const maxRequest = 16 << 10

// Namespaces of MS-OXDSCLI, sections 2.2.3 and 2.2.4.
const (
	nsResponse = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"
	nsOutlook  = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
)

// poxRequest is what a program asks with. Namespaces are not looked at.
type poxRequest struct {
	XMLName xml.Name `xml:"Autodiscover"`
	Address string   `xml:"Request>EMailAddress"`
	Schema  string   `xml:"Request>AcceptableResponseSchema"`
}

type poxResponse struct {
	XMLName  xml.Name `xml:"http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006 Autodiscover"`
	Response any
}

type poxSettings struct {
	XMLName     xml.Name      `xml:"http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a Response"`
	DisplayName string        `xml:"User>DisplayName"`
	AccountType string        `xml:"Account>AccountType"`
	Action      string        `xml:"Account>Action"`
	Protocols   []poxProtocol `xml:"Account>Protocol"`
}

type poxProtocol struct {
	Type           string
	Server         string
	Port           int
	DomainRequired string
	LoginName      string
	SPA            string
	SSL            string
	Encryption     string
	AuthRequired   string
	UsePOPAuth     string `xml:",omitempty"`
	SMTPLast       string `xml:",omitempty"`
}

type poxError struct {
	XMLName xml.Name `xml:"http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006 Response"`
	Error   struct {
		ErrorCode int
		Message   string
		DebugData string
	}
}

// readPOX reads a request. The error, an *poxError, is what to answer.
func readPOX(body io.Reader) (address string, refusal *poxError) {
	refuse := func(code int, message string) *poxError {
		e := &poxError{}
		e.Error.ErrorCode, e.Error.Message = code, message
		return e
	}
	data, err := io.ReadAll(io.LimitReader(body, maxRequest+1))
	if err != nil {
		return "", refuse(600, "the request did not arrive whole")
	}
	if len(data) > maxRequest {
		return "", refuse(600, fmt.Sprintf("the request is longer than %d bytes", maxRequest))
	}
	var req poxRequest
	if err := xml.Unmarshal(data, &req); err != nil {
		return "", refuse(600, "the request is no Autodiscover document")
	}
	if req.Schema != "" && !strings.EqualFold(strings.TrimSpace(req.Schema), nsOutlook) {
		return "", refuse(601, "only the Outlook schema is answered")
	}
	address, err = plainAddress(req.Address)
	if err != nil {
		return "", refuse(600, err.Error())
	}
	return address, nil
}

// plainAddress checks a mail address of at most 254 bytes (RFC 5321 section
// 4.5.3.1.3).
func plainAddress(s string) (string, error) {
	s = strings.TrimSpace(s)
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s || len(s) > 254 {
		return "", errors.New("EMailAddress is not a plain mail address")
	}
	return s, nil
}

// autodiscover answers Outlook's POST over TLS. In the clear it only shows the
// way: Outlook sends the password along once it was asked for.
func (s *Server) autodiscover(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.TLS == nil && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		http.Redirect(w, r, s.secureURL("/autodiscover/autodiscover.xml"), http.StatusFound)
		return
	case r.TLS == nil:
		http.NotFound(w, r)
		return
	case r.Method == http.MethodOptions:
		w.Header().Set("Allow", "POST")
		w.WriteHeader(http.StatusNoContent)
		return
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", "POST")
		http.Error(w, "Autodiscover is asked by POST", http.StatusMethodNotAllowed)
		return
	}
	address, refusal := readPOX(r.Body)
	if refusal != nil {
		sendXML(w, poxResponse{Response: refusal})
		return
	}
	sendXML(w, poxResponse{Response: s.settingsFor(address)})
}

// settingsFor describes the box's ports. Outlook decides by Encryption, older
// ones by SSL, which can only say "from the first byte".
func (s *Server) settingsFor(address string) *poxSettings {
	out := &poxSettings{DisplayName: address, AccountType: "email", Action: "settings"}
	for _, p := range []struct {
		kind      string
		tls, soft int
	}{
		{"IMAP", s.Ports.IMAPS, s.Ports.IMAP},
		{"POP3", s.Ports.POP3S, s.Ports.POP3},
		{"SMTP", s.Ports.Submissions, s.Ports.Submission},
	} {
		e := poxProtocol{Type: p.kind, Server: s.Host(), Port: p.tls, LoginName: address, DomainRequired: "off",
			SPA: "off", SSL: "on", Encryption: "SSL", AuthRequired: "on"}
		if p.tls == 0 {
			e.Port, e.SSL, e.Encryption = p.soft, "off", "TLS"
		}
		if e.Port == 0 {
			continue
		}
		if p.kind == "SMTP" {
			e.UsePOPAuth, e.SMTPLast = "on", "off"
		}
		out.Protocols = append(out.Protocols, e)
	}
	return out
}

// autodiscoverJSON tells newer programs where the XML is.
func (s *Server) autodiscoverJSON(w http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(r.URL.Query().Get("Protocol"), "AutodiscoverV1") {
		http.NotFound(w, r)
		return
	}
	body, err := json.Marshal(struct{ Protocol, Url string }{"AutodiscoverV1", s.secureURL("/autodiscover/autodiscover.xml")})
	if err != nil {
		http.Error(w, "the document could not be made", http.StatusInternalServerError)
		return
	}
	send(w, "application/json", "", body)
}
