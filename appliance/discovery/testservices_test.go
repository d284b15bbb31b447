package discovery

func testServices() []Service {
	return []Service{
		{Type: "_imaps._tcp", Port: 993, Text: []string{"txtvers=1"}},
		{Type: "_submissions._tcp", Port: 465, Text: []string{"txtvers=1"}},
		{Type: "_pop3s._tcp", Port: 995, Text: []string{"txtvers=1"}},
		{Type: "_imap._tcp", Port: 143, Text: []string{"txtvers=1"}},
		{Type: "_submission._tcp", Port: 587, Text: []string{"txtvers=1"}},
		{Type: "_http._tcp", Port: 80, Text: []string{"txtvers=1", "path=/"}},
	}
}
