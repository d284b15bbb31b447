package documents

import (
	"encoding/xml"
	"net/http"
)

// clientConfig is the format of draft-ietf-mailmaint-autoconfig, as far as
// programs read it.
type clientConfig struct {
	XMLName  xml.Name `xml:"clientConfig"`
	Version  string   `xml:"version,attr"`
	Provider provider `xml:"emailProvider"`
}

type provider struct {
	ID        string       `xml:"id,attr"`
	Domains   []string     `xml:"domain"`
	Name      string       `xml:"displayName"`
	ShortName string       `xml:"displayShortName"`
	Incoming  []mailServer `xml:"incomingServer"`
	Outgoing  []mailServer `xml:"outgoingServer"`
}

type mailServer struct {
	Type     string    `xml:"type,attr"`
	Host     string    `xml:"hostname"`
	Port     int       `xml:"port"`
	Socket   string    `xml:"socketType"`
	Username string    `xml:"username"`
	Auth     string    `xml:"authentication"`
	POP3     *pop3Hint `xml:"pop3"`
}

// pop3Hint keeps a POP3 program from emptying the box for the other devices.
type pop3Hint struct {
	Leave bool `xml:"leaveMessagesOnServer"`
}

// autoconfig answers for any address: the programs fill in the placeholder
// themselves. TLS from the first byte comes first, because programs take the
// first they can use; nothing without TLS is offered, which Thunderbird for
// Android would refuse the whole file for and the others use without a word.
func (s *Server) autoconfig(w http.ResponseWriter, r *http.Request) {
	domains := s.Domains()
	conf := clientConfig{Version: "1.1", Provider: provider{
		ID: domains[0], Domains: domains, Name: s.title(), ShortName: s.title()}}
	add := func(list *[]mailServer, kind string, port int, socket string) {
		if port == 0 {
			return
		}
		m := mailServer{Type: kind, Host: s.Host(), Port: port, Socket: socket,
			Username: "%EMAILADDRESS%", Auth: "password-cleartext"}
		if kind == "pop3" {
			m.POP3 = &pop3Hint{Leave: true}
		}
		*list = append(*list, m)
	}
	in, out := &conf.Provider.Incoming, &conf.Provider.Outgoing
	add(in, "imap", s.Ports.IMAPS, "SSL")
	add(in, "imap", s.Ports.IMAP, "STARTTLS")
	add(in, "pop3", s.Ports.POP3S, "SSL")
	add(in, "pop3", s.Ports.POP3, "STARTTLS")
	add(out, "smtp", s.Ports.Submissions, "SSL")
	add(out, "smtp", s.Ports.Submission, "STARTTLS")
	sendXML(w, conf)
}

// sendXML answers with a document. Its type begins with text/xml, one of the
// three that Thunderbird accepts.
func sendXML(w http.ResponseWriter, doc any) {
	body, err := xml.MarshalIndent(doc, "", "  ")
	if err != nil {
		http.Error(w, "the document could not be made", http.StatusInternalServerError)
		return
	}
	send(w, "text/xml; charset=utf-8", "", append([]byte(xml.Header), append(body, '\n')...))
}
