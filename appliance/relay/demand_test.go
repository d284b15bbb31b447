package relay

import (
	"strings"
	"testing"
)

// TestRequireTLS sends a message with REQUIRETLS (RFC 8689) to servers that
// can't do it, and to one that can.
func TestRequireTLS(t *testing.T) {
	for _, test := range []struct {
		name, extensions, certificate string
		greeting                      string
		status, words                 string
		permanent, connection         bool
	}{
		{name: "clear", status: "5.7.30", words: "offers no encryption", permanent: true},
		{name: "stranger", extensions: "STARTTLS REQUIRETLS", certificate: "other.example", status: "5.7.10", words: "can't be trusted", permanent: true},
		{name: "no promise", extensions: "STARTTLS", certificate: "plain.example", status: "5.7.30", words: "does not promise", permanent: true},
		{name: "busy", greeting: "421 4.3.2 busy", status: "4.3.2", words: "busy", connection: true},
		{name: "good", extensions: "STARTTLS REQUIRETLS", certificate: "plain.example"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := newOther(t, strings.Fields(test.extensions)...)
			r := newRelay()
			r.Resolver, r.MXPort = resolver(t), int(o.addr.Port())
			if test.certificate != "" {
				r.Roots = o.certify(test.certificate)
			}
			if test.greeting != "" {
				o.answer("", test.greeting)
			}
			_, err := send(t, r, Route{Domain: "plain.example"}, &Message{Secure: true}, "x@plain.example")
			if test.status != "" {
				if f := wants(t, err, test.status, test.words, test.permanent); f.Connection != test.connection {
					t.Errorf("failure is %+v: other mail would wait with this, %v", f, f.Connection)
				}
				if len(o.got()) != 0 {
					t.Error("the message arrived")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if said := strings.Join(o.heard(), "\n"); !strings.Contains(said, "MAIL FROM:<> REQUIRETLS\n") {
				t.Errorf("dialog is\n%s", said)
			}
			// The same server takes others without the demand.
			if _, err := send(t, r, Route{Domain: "plain.example"}, &Message{}, "x@plain.example"); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestRequireTLSLater: while one of the domain's servers can't be reached, the
// message does not come back for the others' want of encryption.
func TestRequireTLSLater(t *testing.T) {
	o := newOther(t)
	r := newRelay()
	r.Resolver, r.MXPort = resolver(t), int(o.addr.Port())
	_, err := r.Open(t.Context(), Route{Domain: "two.example"}, true)
	if f := wants(t, err, "4.4.1", "can't connect", false); f.Host != "first.example" {
		t.Errorf("failure is that of %s", f.Host)
	}
}
