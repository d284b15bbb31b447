package documents

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"howett.net/plist"
)

// maxPersonName is how much of ?name= is taken, in bytes.
const maxPersonName = 64

// appleProfile is a configuration profile (Apple, Configuration Profile
// Reference, "TopLevel").
type appleProfile struct {
	PayloadContent           []any
	PayloadDescription       string
	PayloadDisplayName       string
	PayloadIdentifier        string
	PayloadOrganization      string
	PayloadRemovalDisallowed bool
	PayloadType              string
	PayloadUUID              string
	PayloadVersion           int
}

// appleRoot installs the authority (com.apple.security.root). It is written
// out because the encoder does not flatten embedded structs.
type appleRoot struct {
	PayloadDisplayName         string
	PayloadIdentifier          string
	PayloadType                string
	PayloadUUID                string
	PayloadVersion             int
	PayloadCertificateFileName string
	PayloadContent             []byte
}

// appleMail sets up an account (com.apple.mail.managed). There is no password
// in it: the device asks for it once.
type appleMail struct {
	PayloadDisplayName                     string
	PayloadIdentifier                      string
	PayloadType                            string
	PayloadUUID                            string
	PayloadVersion                         int
	EmailAccountDescription                string
	EmailAccountName                       string `plist:",omitempty"`
	EmailAccountType                       string
	EmailAddress                           string
	IncomingMailServerAuthentication       string
	IncomingMailServerHostName             string
	IncomingMailServerPortNumber           int
	IncomingMailServerUseSSL               bool
	IncomingMailServerUsername             string
	OutgoingMailServerAuthentication       string
	OutgoingMailServerHostName             string
	OutgoingMailServerPortNumber           int
	OutgoingMailServerUseSSL               bool
	OutgoingMailServerUsername             string
	OutgoingPasswordSameAsIncomingPassword bool
	SMIMEEnabled                           bool
}

// profile serves /apple/NAME.mobileconfig, where NAME is an account's name or
// whole address. ?name= is the person's name for the From field, ?type=pop
// asks for POP3.
func (s *Server) profile(w http.ResponseWriter, r *http.Request) {
	name, ok := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/apple/"), ".mobileconfig")
	if !ok {
		http.NotFound(w, r)
		return
	}
	if !strings.Contains(name, "@") {
		name += "@" + s.Domains()[0]
	}
	address, err := plainAddress(strings.ToLower(name))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	query := r.URL.Query()
	person := query.Get("name")
	if len(person) > maxPersonName || !utf8.ValidString(person) {
		person = ""
	}
	body, err := s.makeProfile(address, person, query.Get("type") == "pop")
	if err != nil {
		http.Error(w, "the profile could not be made", http.StatusInternalServerError)
		return
	}
	local, _, _ := strings.Cut(address, "@")
	send(w, "application/x-apple-aspen-config", fmt.Sprintf("attachment; filename=%q", local+".mobileconfig"), body)
}

func (s *Server) makeProfile(address, person string, pop bool) ([]byte, error) {
	ca := s.CADER()
	host := s.Host()
	id := "posthorn." + host
	m := appleMail{
		PayloadDisplayName: s.title(), PayloadIdentifier: id + ".mail." + address,
		PayloadType: "com.apple.mail.managed", PayloadUUID: uuid(ca, "mail", address), PayloadVersion: 1,
		EmailAccountDescription: s.title(), EmailAccountName: person, EmailAccountType: "EmailTypeIMAP",
		EmailAddress:                     address,
		IncomingMailServerAuthentication: "EmailAuthPassword", IncomingMailServerHostName: host,
		IncomingMailServerPortNumber: s.Ports.IMAPS, IncomingMailServerUseSSL: true, IncomingMailServerUsername: address,
		OutgoingMailServerAuthentication: "EmailAuthPassword", OutgoingMailServerHostName: host,
		OutgoingMailServerPortNumber: s.Ports.Submissions, OutgoingMailServerUseSSL: true, OutgoingMailServerUsername: address,
		OutgoingPasswordSameAsIncomingPassword: true,
	}
	if pop {
		m.EmailAccountType, m.IncomingMailServerPortNumber = "EmailTypePOP", s.Ports.POP3S
	}
	root := appleRoot{
		PayloadDisplayName: "Certificate of " + host, PayloadIdentifier: id + ".ca",
		PayloadType: "com.apple.security.root", PayloadUUID: uuid(ca, "ca"), PayloadVersion: 1,
		PayloadCertificateFileName: "ca.cer", PayloadContent: ca,
	}
	p := appleProfile{
		PayloadContent:     []any{root, m},
		PayloadDescription: "Sets up " + address + " and lets this device trust " + host + ".",
		PayloadDisplayName: s.title() + " (" + address + ")", PayloadIdentifier: id + "." + address,
		PayloadOrganization: s.title(), PayloadType: "Configuration",
		PayloadUUID: uuid(ca, "profile", address), PayloadVersion: 1,
	}
	var out bytes.Buffer
	enc := plist.NewEncoder(&out)
	enc.Indent("\t")
	if err := enc.Encode(p); err != nil {
		return nil, fmt.Errorf("encode the profile of %s: %w", address, err)
	}
	return out.Bytes(), nil
}

// uuid is the same for the same parts, so that a profile that is installed
// again replaces the former one (RFC 9562 section 5.8).
func uuid(parts ...any) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%v\x00", p)
	}
	b := h.Sum(nil)[:16]
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	return fmt.Sprintf("%X-%X-%X-%X-%X", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
