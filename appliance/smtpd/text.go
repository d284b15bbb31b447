package smtpd

// fault is what makes a message text unacceptable.
type fault uint8

const (
	sound fault = iota
	bareCR
	bareLF
	nul
	longLine
)

func (f fault) String() string {
	switch f {
	case bareCR:
		return "a CR without LF"
	case bareLF:
		return "a LF without CR"
	case nul:
		return "a NUL octet"
	case longLine:
		return "a line longer than 65536 octets"
	}
	return "no fault"
}

// textScanner follows the lines of a message as they come in. It finds the
// first fault and, when dots is set, the end of the data: CR LF dot CR LF and
// nothing else (RFC 5321 section 4.1.1.4). Other line ends never count, since
// a server that honours them disagrees with its neighbours about where a
// message ends, and what one takes for text another takes for commands.
type textScanner struct {
	dots  bool
	fault fault
	state textState
	line  int // octets of the present line
}

type textState uint8

const (
	lineStart textState = iota // after CR LF, and at the very beginning
	lineDot                    // after a dot at the beginning of a line
	lineDotCR                  // after that and a CR
	lineCR                     // after a CR elsewhere
	lineMiddle
)

// scan looks at p up to the end of the data. It returns how many octets come
// before the first fault and how many belong to the message and its end mark,
// and whether the end mark is among them. Once a fault was found, clean
// is 0 in all later calls.
func (t *textScanner) scan(p []byte) (clean, used int, end bool) {
	if t.fault == sound {
		clean = len(p)
	}
	for i, c := range p {
		if f := t.octet(c); f != sound && t.fault == sound {
			t.fault, clean = f, i
		}
		if t.dots && c == '\n' && t.state == lineDotCR {
			*t = textScanner{dots: true, fault: t.fault}
			return min(clean, i+1), i + 1, true
		}
		t.state = t.next(c)
	}
	return clean, len(p), false
}

func (t *textScanner) octet(c byte) fault {
	afterCR := t.state == lineCR || t.state == lineDotCR
	t.line++
	switch {
	case c == '\n' && afterCR:
		t.line = 0
	case afterCR:
		return bareCR
	case c == '\n':
		return bareLF
	case c == 0:
		return nul
	case t.line > MaxTextLine:
		return longLine
	}
	return sound
}

func (t *textScanner) next(c byte) textState {
	switch {
	case c == '\r' && t.state == lineDot:
		return lineDotCR
	case c == '\r':
		return lineCR
	case c == '\n' && (t.state == lineCR || t.state == lineDotCR):
		return lineStart
	case c == '.' && t.state == lineStart:
		return lineDot
	}
	return lineMiddle
}
