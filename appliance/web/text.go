package web

import (
	"fmt"
	"strings"
)

// catalogue holds the words of the pages by key; %s stands for what the page
// knows.
type catalogue map[string]string

// text returns the words for a key, with as many args as they have places for.
// A missing key shows as itself, which a test looks for.
func (c catalogue) text(key string, args ...any) string {
	words, ok := c[key]
	if !ok {
		return "[" + key + "]"
	}
	n := min(strings.Count(words, "%s"), len(args))
	return fmt.Sprintf(words, args[:n]...)
}

// english is the catalogue in English.
func english() catalogue {
	return catalogue{
		"title":                  "Mail box",
		"title.of":               "Mail box of %s",
		"connect.title":          "Connect a device",
		"connect.intro":          "Pick what you want to read mail on. It takes about three minutes.",
		"connect.name":           "Your name on this box",
		"connect.name.hint":      "The part of your address before the @. It fills in the steps for you.",
		"connect.name.set":       "Use this name",
		"connect.yourname":       "yourname",
		"connect.namefirst":      "Type your name above and press “Use this name”. A button to fetch your profile then appears here.",
		"connect.held":           "Another device in your home already calls itself %s.local, so this box is %s. Use that name in every program.",
		"connect.back":           "Other devices",
		"connect.scan":           "Point the phone's camera here to open this page on it.",
		"connect.getcertificate": "Get the certificate",
		"connect.getprofile":     "Get the profile",
		"connect.remarks":        "If something looks different",
		"connect.settings":       "Settings by hand",
		"connect.settings.intro": "If a program asks, these are the answers. The first line of each kind is the best.",
		"connect.server":         "Server",
		"connect.address":        "or by address",
		"connect.user":           "User name",
		"connect.password":       "Password",
		"connect.password.is":    "the one of your account on this box",
		"connect.kind":           "Kind",
		"connect.port":           "Port",
		"connect.security":       "Security",
		"connect.imap":           "Reading (IMAP)",
		"connect.pop3":           "Reading (POP3)",
		"connect.smtp":           "Sending (SMTP)",
		"connect.tls":            "SSL/TLS",
		"connect.starttls":       "STARTTLS",
		"connect.fingerprint":    "Fingerprint of the certificate",
		"connect.fingerprint.is": "Programs that show the certificate's SHA-256 fingerprint must show exactly this.",

		"connect.thunderbird.title": "Thunderbird",
		"connect.thunderbird.for":   "Windows, Mac and Linux",
		"connect.thunderbird.1":     "Save the certificate of the box. With it, Thunderbird knows that it talks to your box and nobody else.",
		"connect.thunderbird.2":     "In Thunderbird open the menu ☰ → Settings → Privacy & Security and press “Manage Certificates…”, far down. Under Authorities press “Import…”, choose the saved file, tick “Trust this CA to identify websites” and press OK.",
		"connect.thunderbird.3":     "Open the menu ☰ → New Account → Email. Type your name and your address, then press Continue. Thunderbird finds the box by itself.",
		"connect.thunderbird.4":     "Press Continue, type your password, press Continue again and then Finish. That is all.",
		"connect.thunderbird.note1": "“Add Security Exception” appears when you type the password, and once more after it; or sending fails with “Peer’s Certificate issuer is not recognized. The configuration related to %s must be corrected.” Then the certificate is missing. Do steps 1 and 2, and try again. “Confirm Security Exception” lets you read mail, but never send it.",
		"connect.thunderbird.note2": "Thunderbird finds nothing: the computer may not know names that end in .local, or is in a guest network. Join the home network, or press “Edit configuration” and use the settings below with the box's address.",

		"connect.iphone.title": "iPhone or iPad",
		"connect.iphone.for":   "the Mail app that is on it",
		"connect.iphone.1":     "On the iPhone or iPad, open this page in Safari and fetch your profile. Tap Allow, then Close.",
		"connect.iphone.2":     "Open Settings and tap “Profile Downloaded” near the top. If it is not there: General → VPN & Device Management.",
		"connect.iphone.3":     "Tap Install and type the code of the device. It warns that the profile is not signed and that it adds a certificate: that certificate is the box's. Tap Install again, and type the password of your mail account.",
		"connect.iphone.4":     "Open Settings → General → About → Certificate Trust Settings and switch on the certificate of the box, if it is listed there.",
		"connect.iphone.5":     "Open Mail. Your mailboxes are there.",
		"connect.iphone.note1": "The page does not open: the device must be in the home Wi-Fi, not in a guest network, and without a VPN.",

		"connect.mac.title": "Mac",
		"connect.mac.for":   "the Mail app that is on it",
		"connect.mac.1":     "Open this page on the Mac and fetch your profile.",
		"connect.mac.2":     "Open System Settings → General → Device Management, double-click the profile and press Install….",
		"connect.mac.3":     "Type the password of your mail account when it is asked for.",
		"connect.mac.4":     "Open Mail. Your mailboxes are there.",
		"connect.mac.note1": "Mail says it cannot verify the server: open Keychain Access, find the certificate named “Posthorn mail box” under System, double-click it, open Trust and choose “Always Trust”.",

		"connect.android.title": "Android",
		"connect.android.for":   "Thunderbird, K-9 Mail, FairEmail",
		"connect.android.1":     "On the phone, get the certificate of the box.",
		"connect.android.2":     "Open Settings, search for “CA certificate”, tap Install anyway and choose the file.",
		"connect.android.3":     "Install Thunderbird (or K-9 Mail, or FairEmail) from the store you use, and type your address and password there.",
		"connect.android.4":     "If the app shows a certificate and asks, compare its fingerprint with the one below. If they are the same, accept it.",
		"connect.android.note1": "The app finds nothing, or the phone is older than Android 12: use the settings below with the box's address instead of its name.",
		"connect.android.note2": "Gmail and Samsung Email ask for all settings by hand: choose “Other”, then IMAP, and copy them from below.",

		"connect.outlook.title": "Outlook on Windows",
		"connect.outlook.for":   "classic Outlook; the new one cannot",
		"connect.outlook.1":     "Get the certificate of the box.",
		"connect.outlook.2":     "Double-click the file, press Install Certificate…, choose Current User, then “Place all certificates in the following store”, Browse, “Trusted Root Certification Authorities”, OK, Finish.",
		"connect.outlook.3":     "In Outlook choose File → Add Account and type your address. If it asks for the kind of account, choose IMAP and copy the settings from below.",
		"connect.outlook.4":     "Type your password. That is all.",
		"connect.outlook.note1": "The new Outlook, and Outlook on phones, cannot work with this box: they let their maker's computers on the Internet fetch your mail, and those cannot reach a box in your home. No setting changes that.",
		"connect.outlook.note2": "Thunderbird works on Windows without this limit, and is free.",

		"connect.scanner.title": "Scanner, NAS, camera",
		"connect.scanner.for":   "devices that send mail",
		"connect.scanner.1":     "Open the mail (SMTP) settings of the device and enter the sending server and port from below.",
		"connect.scanner.2":     "Choose SSL/TLS or STARTTLS, switch on “authentication”, and enter your address and password as user name and password. Better: make an app password for the device, which you can take back later.",
		"connect.scanner.3":     "Send a test message to yourself.",
		"connect.scanner.note1": "The device cannot encrypt or log in: use port 25 of the same server without a login. The box takes such mail from your home network for people of your household only.",
	}
}
