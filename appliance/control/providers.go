package control

import "posthorn/appliance/relay"

// Provider is where a well-known provider takes its customers' mail, so that
// nobody has to look it up. They are what the providers' help pages say; who
// has another one types its server.
type Provider struct {
	ID, Name string
	Host     string
	Port     int
	Security relay.Security
	// AppPassword is set where the password is not the customer's own but one
	// made for a program in the provider's settings.
	AppPassword bool
}

// Providers lists them by name.
func Providers() []Provider {
	return []Provider{
		{"fastmail", "Fastmail", "smtp.fastmail.com", 465, relay.TLS, true},
		{"gmail", "Gmail", "smtp.gmail.com", 465, relay.TLS, true},
		{"gmx", "GMX", "mail.gmx.net", 465, relay.TLS, false},
		{"icloud", "iCloud", "smtp.mail.me.com", 587, relay.STARTTLS, true},
		{"infomaniak", "Infomaniak", "mail.infomaniak.com", 465, relay.TLS, true},
		{"mailboxorg", "mailbox.org", "smtp.mailbox.org", 465, relay.TLS, false},
		{"ovh", "OVH", "ssl0.ovh.net", 465, relay.TLS, false},
		{"posteo", "Posteo", "posteo.de", 465, relay.TLS, false},
		{"proton", "Proton Mail", "smtp.protonmail.ch", 587, relay.STARTTLS, true},
		{"strato", "Strato", "smtp.strato.de", 465, relay.TLS, false},
		{"tonline", "Telekom (T-Online)", "securesmtp.t-online.de", 465, relay.TLS, true},
		{"webde", "WEB.DE", "smtp.web.de", 587, relay.STARTTLS, false},
		{"yahoo", "Yahoo", "smtp.mail.yahoo.com", 465, relay.TLS, true},
		{"zoho", "Zoho Mail", "smtp.zoho.com", 465, relay.TLS, true},
	}
}
