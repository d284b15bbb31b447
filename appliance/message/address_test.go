package message

import (
	"net/mail"
	"reflect"
	"strings"
	"testing"
)

// TestAddresses shows what the well-formed and the broken become.
func TestAddresses(t *testing.T) {
	a := func(name, mailbox, host string) Address { return Address{Name: name, Mailbox: mailbox, Host: host} }
	tests := []struct {
		value string
		want  []Address
	}{
		{"", nil},
		{" , ,", nil},
		{"alice@example.org", []Address{a("", "alice", "example.org")}},
		{"<alice@example.org>", []Address{a("", "alice", "example.org")}},
		{"Alice <alice@example.org>, bob@example.net", []Address{a("Alice", "alice", "example.org"), a("", "bob", "example.net")}},
		{`"Doe, John" <j@example.org>`, []Address{a("Doe, John", "j", "example.org")}},
		{`"A \"B\" C" <j@example.org>`, []Address{a(`A "B" C`, "j", "example.org")}},
		{"j@example.org (John (the) Doe)", []Address{a("John (the) Doe", "j", "example.org")}},
		{"John (x) Doe <j@example.org>", []Address{a("John Doe", "j", "example.org")}},
		{`"john doe"@example.org`, []Address{a("", "john doe", "example.org")}},
		{`J <"john doe"@example.org>`, []Address{a("J", "john doe", "example.org")}},
		{"J <@a.example,@b.example:j@example.org>", []Address{a("J", "j", "example.org")}},
		{"root@[192.0.2.1]", []Address{a("", "root", "[192.0.2.1]")}},
		{"root@[IPv6:2001:db8::1], b@c.d", []Address{a("", "root", "[IPv6:2001:db8::1]"), a("", "b", "c.d")}},
		{"a @ b . c", []Address{a("", "a", "b.c")}},
		{"a@b@c", []Address{a("", "a@b", "c")}},
		// groups
		{"undisclosed-recipients:;", []Address{a("", "undisclosed-recipients", ""), {}}},
		{"Team: a@b.c, D <d@e.f>; g@h.i", []Address{a("", "Team", ""), a("", "a", "b.c"), a("D", "d", "e.f"), {}, a("", "g", "h.i")}},
		{"Team: a@b.c", []Address{a("", "Team", ""), a("", "a", "b.c"), {}}},
		{":;", []Address{a("", MissingMailbox, ""), {}}},
		{"a@b.c; d@e.f", []Address{a("", "a", "b.c"), a("", "d", "e.f")}},
		// encoded words and 8-bit
		{"=?utf-8?q?Ren=C3=A9?= <r@x.y>", []Address{a("René", "r", "x.y")}},
		{`"=?utf-8?q?Ren=C3=A9?=" <r@x.y>`, []Address{a("René", "r", "x.y")}},
		{"=?utf-8?q?Doe,_J?= <j@x.y>, b@c.d", []Address{a("Doe, J", "j", "x.y"), a("", "b", "c.d")}},
		{"Ren\xe9 <r@x.y>", []Address{a("René", "r", "x.y")}},
		{"René <rené@exämple.org>", []Address{a("René", "rené", "exämple.org")}},
		// broken: the neighbours stay
		{"root", []Address{a("", "root", MissingHost)}},
		{"John Doe", []Address{a("John Doe", MissingMailbox, MissingHost)}},
		{`"Only A Name"`, []Address{a("Only A Name", MissingMailbox, MissingHost)}},
		{"Name <>", []Address{a("Name", MissingMailbox, MissingHost)}},
		{"<>", []Address{a("", MissingMailbox, MissingHost)}},
		{"@example.org", []Address{a("", MissingMailbox, "example.org")}},
		{"a@", []Address{a("", "a", MissingHost)}},
		{`"John <j@x.y>, b@c.d`, []Address{a(`"John`, "j", "x.y"), a("", "b", "c.d")}},
		{"(John <j@x.y>, b@c.d", []Address{a("(John", "j", "x.y"), a("", "b", "c.d")}},
		{"<<j@x.y>>, b@c.d", []Address{a("", "j", "x.y"), a("", "b", "c.d")}},
		{"A <a@b.c, D <d@e.f>", []Address{a("A", "a", "b.c"), a("D", "d", "e.f")}},
		{"A <a@b.c", []Address{a("A", "a", "b.c")}},
		{"John Doe j@x.y, b@c.d", []Address{a("John Doe", "j", "x.y"), a("", "b", "c.d")}},
		{"a@b@c <j@x.y>", []Address{a("a@b@c", "j", "x.y")}},
		{"j@x.y <j@x.y>", []Address{a("j@x.y", "j", "x.y")}},
		{"=?bogus <j@x.y>", []Address{a("=?bogus", "j", "x.y")}},
		{"x\x00\ny <j@x.y>", []Address{a("x  y", "j", "x.y")}},
	}
	for _, tt := range tests {
		i := scan("To: " + strings.ReplaceAll(tt.value, "\n", "\r\n ") + "\r\n\r\n")
		if got := i.Envelope.To; !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%q\n got %#v\nwant %#v", tt.value, got, tt.want)
		}
	}
}

// TestAddressesAsStandard compares with net/mail on what it accepts.
func TestAddressesAsStandard(t *testing.T) {
	for _, value := range []string{
		"alice@example.org",
		`"Doe, John" <j@example.org>, =?utf-8?q?Ren=C3=A9?= Dupont <r@example.org>`,
		"a.b-c+d@example.org, Pete(A nice chap) <pete@silly.test>",
		`Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>, "Giant; \"Big\" Box" <sysservices@example.net>`,
	} {
		want, err := mail.ParseAddressList(value)
		if err != nil {
			t.Fatal(err)
		}
		got := parseAddresses(value, MaxAddresses)
		if len(got) != len(want) {
			t.Fatalf("%q: %d addresses, want %d", value, len(got), len(want))
		}
		for n, a := range got {
			if a.String() != want[n].Address || a.Name != want[n].Name {
				t.Errorf("%q: got %+v, want %+v", value, a, want[n])
			}
		}
	}
}

// TestAddressBounds shows that hostile lists take time and room in proportion.
func TestAddressBounds(t *testing.T) {
	for _, unit := range []string{`"`, "(", "<", "[", ":", `\"`, "=?a?q?", "a@b,", "a:;", "<a,", `"a"@`} {
		value := strings.Repeat(unit, MaxField/len(unit))
		if got := parseAddresses(value, MaxAddresses); len(got) > MaxAddresses+1 {
			t.Errorf("%q repeated: %d addresses", unit, len(got))
		}
	}
	var many strings.Builder
	for range 50 {
		many.WriteString("To: " + strings.Repeat("someone with a name <someone@example.org>,\r\n ", 1000) + "\r\n")
	}
	i := scan(many.String())
	check(t, []byte(many.String()), i)
	if n := len(i.Envelope.To); n != MaxAddresses {
		t.Errorf("%d addresses", n)
	}
}

// TestGroupCut shows that a group too long to keep still ends.
func TestGroupCut(t *testing.T) {
	member := strings.Repeat("m", 400)
	raw := "To: Team: " + strings.Repeat(member+"@example.org,\r\n ", 150) + ";\r\n\r\n"
	i := scan(raw)
	check(t, []byte(raw), i) // also as marshalled, with fewer of them
	if n := len(i.Envelope.To); n != 152 {
		t.Errorf("%d addresses", n)
	}
}

func TestEnvelopeDefaults(t *testing.T) {
	e := scan("From: a@b.c\r\nReply-To: r@b.c\r\n\r\n").Envelope.WithDefaults()
	if e.Sender[0].String() != "a@b.c" || e.ReplyTo[0].String() != "r@b.c" {
		t.Errorf("%+v", e)
	}
}
