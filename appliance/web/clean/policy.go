package clean

import (
	"regexp"

	"github.com/microcosm-cc/bluemonday"
)

var (
	cleanStyle = regexp.MustCompile(`^[a-z-]+: [a-z0-9#.,%'()/_ -]+(?:; [a-z-]+: [a-z0-9#.,%'()/_ -]+)*$`)
	length     = regexp.MustCompile(`^[0-9]{1,5}(?:px|%)?$`)
	count      = regexp.MustCompile(`^[0-9]{1,4}$`)
	colour     = regexp.MustCompile(`^(?:#[0-9A-Fa-f]{3,8}|[A-Za-z]{1,30})$`)
	word       = regexp.MustCompile(`^[A-Za-z-]{1,30}$`)
	family     = regexp.MustCompile(`^[A-Za-z0-9 ,'_-]{1,200}$`)
)

// policy is the second wall; nothing changes it once it is made.
var policy = newPolicy()

// newPolicy allows the elements and attributes of text, tables and pictures.
func newPolicy() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("a", "abbr", "address", "article", "aside", "b", "bdi", "bdo", "big", "blockquote", "br", "caption",
		"center", "cite", "code", "col", "colgroup", "dd", "del", "dfn", "div", "dl", "dt", "em", "figcaption", "figure",
		"font", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "i", "img", "ins", "kbd", "li", "main",
		"mark", "ol", "p", "pre", "q", "s", "samp", "section", "small", "span", "strike", "strong", "sub", "sup", "table",
		"tbody", "td", "tfoot", "th", "thead", "time", "tr", "tt", "u", "ul", "var", "wbr")
	p.AllowNoAttrs().OnElements("a", "font", "span", "img")
	p.AllowAttrs("style").Matching(cleanStyle).Globally()
	p.AllowAttrs("dir", "align", "valign").Matching(word).Globally()
	p.AllowAttrs("title", "lang").Globally()
	p.AllowAttrs("bgcolor").Matching(colour).OnElements("table", "tbody", "thead", "tfoot", "tr", "td", "th", "div")
	p.AllowAttrs("color").Matching(colour).OnElements("font", "hr")
	p.AllowAttrs("face").Matching(family).OnElements("font")
	p.AllowAttrs("size").Matching(regexp.MustCompile(`^[+-]?[0-7]$`)).OnElements("font")
	p.AllowAttrs("width", "height").Matching(length).OnElements("table", "td", "th", "tr", "col", "colgroup", "img", "hr")
	p.AllowAttrs("border", "cellpadding", "cellspacing").Matching(count).OnElements("table", "img")
	p.AllowAttrs("colspan", "rowspan", "span").Matching(count).OnElements("td", "th", "col", "colgroup")
	p.AllowAttrs("start", "value").Matching(count).OnElements("ol", "li")
	p.AllowAttrs("type").Matching(word).OnElements("ol", "ul", "li")
	p.AllowAttrs("alt").OnElements("img")
	p.AllowAttrs("src").OnElements("img")
	p.AllowAttrs("href").OnElements("a")
	p.RequireParseableURLs(true)
	p.AllowURLSchemes("http", "https", "mailto", "tel", "cid")
	p.AllowDataURIImages()
	p.RequireNoReferrerOnLinks(true)
	p.AddTargetBlankToFullyQualifiedLinks(true)
	return p
}
