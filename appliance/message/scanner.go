package message

// A Scanner reads one message that is written to it in pieces of any size.
// Make one with NewScanner. It is not safe for use by several goroutines.
type Scanner struct {
	info Info
}

// NewScanner returns a Scanner for one message.
func NewScanner() *Scanner { return &Scanner{} }

// Write takes the next piece of the message. It keeps nothing of p and never
// fails.
func (s *Scanner) Write(p []byte) (int, error) {
	s.info.Size += int64(len(p))
	return len(p), nil
}

// Finish ends the message and returns what was found.
func (s *Scanner) Finish() *Info {
	i := s.info
	return &i
}
