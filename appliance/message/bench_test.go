package message

import (
	"encoding/base64"
	"io"
	"strings"
	"testing"
)

// small is a common mail: two text versions and the header of today's servers.
const small = `Return-Path: <alice@example.org>
Received: from mail.example.org (mail.example.org [192.0.2.1])
	by mailbox.local with ESMTPS id 01JDABCDEF;
	Sun, 22 Nov 2026 20:15:31 +0100
Received: from laptop (host.example.net [198.51.100.7])
	by mail.example.org with ESMTPSA id 4F2D1; Sun, 22 Nov 2026 20:15:30 +0100
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=2026;
	h=from:to:subject:date; bh=frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=;
	b=Zm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFy
From: =?utf-8?Q?Alice_Fr=C3=A4nkel?= <alice@example.org>
To: Bob <bob@mailbox.local>
Cc: carol@example.com
Subject: =?utf-8?Q?Re=3A_Caf=C3=A9_on_Sunday=3F?=
Date: Sun, 22 Nov 2026 20:15:30 +0100
Message-ID: <5b2f7c1e-3f0a-4c58-9d6b-0f2f6a1f4c11@example.org>
In-Reply-To: <CAJx8h3Vq=Yw4f0p2@mail.example.com>
References: <CAJx8h3Vq=Yw4f0p2@mail.example.com>
MIME-Version: 1.0
User-Agent: Mozilla Thunderbird
Content-Type: multipart/alternative; boundary="------------0z1yAbCdEfGh"

This is a multi-part message in MIME format.
--------------0z1yAbCdEfGh
Content-Type: text/plain; charset=UTF-8; format=flowed
Content-Transfer-Encoding: 8bit

At three, as always?

--------------0z1yAbCdEfGh
Content-Type: text/html; charset=UTF-8
Content-Transfer-Encoding: 8bit

<html><body><p>At three, as <b>always</b>?</p></body></html>

--------------0z1yAbCdEfGh--
`

// large is a mail with an attachment of the given size in base64 lines.
func large(size int) []byte {
	var b strings.Builder
	b.WriteString(crlf(strings.Replace(small, "alternative", "mixed", 1)))
	raw := strings.TrimSuffix(b.String(), "--\r\n") + "\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
	line := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\x5a\xa5\x3c", 19))) + "\r\n"
	return []byte(raw + strings.Repeat(line, size/len(line)) + "--------------0z1yAbCdEfGh--\r\n")
}

// BenchmarkScanSmall reads the common mail and marshals what was found.
func BenchmarkScanSmall(b *testing.B) {
	raw := []byte(crlf(small))
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	var n int
	for b.Loop() {
		s := NewScanner()
		s.Write(raw)
		m, err := s.Finish().Marshal()
		if err != nil {
			b.Fatal(err)
		}
		n = len(m)
	}
	b.ReportMetric(float64(n), "B-stored")
}

func BenchmarkUnmarshal(b *testing.B) {
	m, err := scan(crlf(small)).Marshal()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Unmarshal(m); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkScan25MB reads a mail with a large attachment in pieces of 32 KB.
func BenchmarkScan25MB(b *testing.B) {
	raw := large(25 << 20)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		s := NewScanner()
		for rest := raw; len(rest) > 0; {
			n := min(len(rest), 32<<10)
			s.Write(rest[:n])
			rest = rest[n:]
		}
		if i := s.Finish(); len(i.Root.Children) != 3 {
			b.Fatal(outline(&i.Root))
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	raw := string(large(1 << 20))
	for _, encoding := range []string{"base64", "quoted-printable"} {
		b.Run(encoding, func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				io.Copy(io.Discard, Decode(strings.NewReader(raw), encoding))
			}
		})
	}
}

func BenchmarkText(b *testing.B) {
	body := strings.Repeat("<p>Some words &amp; more <b>words</b></p>\r\n", 1<<20/42)
	raw := "Content-Type: text/html; charset=iso-8859-1\r\n\r\n" + body
	i := scan(raw)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		io.Copy(io.Discard, Text(strings.NewReader(raw), i, 10<<20))
	}
}
