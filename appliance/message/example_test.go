package message_test

import (
	"fmt"
	"io"
	"log"
	"strings"

	"posthorn/appliance/message"
)

// A message is scanned once, while it is stored; its Info then finds every
// section in the stored bytes.
func Example() {
	mail := strings.ReplaceAll(`From: =?utf-8?q?Ren=C3=A9?= <rene@example.org>
Subject: Minutes
Content-Type: multipart/mixed; boundary=x

--x
Content-Type: text/html; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

<p>Caf=E9 &amp; <b>cake</b></p>
--x
Content-Type: application/pdf; name=minutes.pdf
Content-Transfer-Encoding: base64

JVBERi0xLjcK
--x--
`, "\n", "\r\n")

	scanner := message.NewScanner()
	if _, err := io.Copy(scanner, strings.NewReader(mail)); err != nil {
		log.Fatal(err)
	}
	info := scanner.Finish()
	stored := strings.NewReader(mail) // any io.ReaderAt

	fmt.Println(info.Envelope.From[0].Name, info.Envelope.From[0], info.Envelope.Subject)
	part := info.Find([]int{2})
	fmt.Println(part.Type, part.Subtype, part.Params["name"], part.BodySize)

	header, err := info.Open(stored, message.Section{What: message.SectionFields, Fields: []string{"Subject"}})
	if err != nil {
		log.Fatal(err)
	}
	b, err := io.ReadAll(header)
	fmt.Printf("%q %v\n", b, err)
	size, err := info.BinarySize(stored, []int{2})
	fmt.Println(size, err)
	b, err = io.ReadAll(message.Text(stored, info, 1<<20))
	fmt.Printf("%q %v\n", b, err)
	// Output:
	// René rene@example.org Minutes
	// application pdf minutes.pdf 12
	// "Subject: Minutes\r\n\r\n" <nil>
	// 9 <nil>
	// "Café & cake\n\nminutes.pdf\n" <nil>
}
