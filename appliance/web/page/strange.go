package page

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"strings"
)

// HostPort is how a host is written in a URL: with the port unless it is the
// usual one, and with brackets around an IPv6 address.
func HostPort(host string, port, usual int) string {
	if port != usual {
		return net.JoinHostPort(host, strconv.Itoa(port))
	}
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// strangeKey marks a request under a name that is not the box's: the page for
// it has no links to others, which would lead to it again.
type strangeKey struct{}

// Strange answers a request that names a host the box does not know, whoever
// it comes from: nobody is logged in there. ways are URLs that work.
func (s *Site) Strange(w http.ResponseWriter, r *http.Request, host string, ways []string) {
	if wantsJSON(r) {
		s.JSON(w, r, http.StatusMisdirectedRequest, map[string]string{"error": s.Language(r).Text("frame.problem.host", host)})
		return
	}
	type way struct {
		Host string
		Ways []string
	}
	r = r.WithContext(context.WithValue(r.Context(), strangeKey{}, true))
	s.own.ShowStatus(w, r, http.StatusMisdirectedRequest, "strange.html", way{host, ways})
}
