// Package words holds what the pages say, in every language they say it in.
//
// Each area of the pages has one file per language, LANGUAGE/AREA.toml. A line
// "title" in en/connect.toml has the key "connect.title". %s stands for what
// the page knows; a language that wants another order writes %[2]s and %[1]s.
// What depends on a count has two keys, NAME.one and NAME.other, with %s for
// the count; languages without that difference write the same twice.
//
// A new language is a new folder, and its name in [Languages]. Tests hold all
// languages to the same keys and places.
package words

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
	"golang.org/x/text/language"
)

//go:embed en id
var files embed.FS

// Catalogue is the words of one language.
type Catalogue struct {
	// Tag is the BCP 47 tag, as in the lang attribute of a page.
	Tag string
	// Name is what the language calls itself.
	Name string

	words map[string]phrase
}

// phrase is words with places for args.
type phrase struct {
	text   string
	places int
}

// Catalogues are all languages, English first.
type Catalogues struct {
	all     []*Catalogue
	matcher language.Matcher
}

// Languages are the tags of the languages there are and what each calls
// itself; the first is the one that stands in for all others.
func Languages() [][2]string {
	return [][2]string{{"en", "English"}, {"id", "Bahasa Indonesia"}}
}

// Read reads all catalogues. An error is a mistake in a catalogue's file.
func Read() (*Catalogues, error) {
	c := new(Catalogues)
	var tags []language.Tag
	for _, l := range Languages() {
		one := &Catalogue{Tag: l[0], Name: l[1], words: make(map[string]phrase)}
		if err := one.read(); err != nil {
			return nil, err
		}
		c.all = append(c.all, one)
		tags = append(tags, language.MustParse(l[0]))
	}
	c.matcher = language.NewMatcher(tags)
	return c, nil
}

func (c *Catalogue) read() error {
	names, err := fs.Glob(files, c.Tag+"/*.toml")
	if err != nil {
		return err
	}
	for _, name := range names {
		area := strings.TrimSuffix(path.Base(name), ".toml")
		var some map[string]string
		if _, err := toml.DecodeFS(files, name, &some); err != nil {
			return fmt.Errorf("words of %s: %w", name, err)
		}
		for key, text := range some {
			c.words[area+"."+key] = phrase{text, Places(text)}
		}
	}
	return nil
}

// All are the catalogues, English first.
func (c *Catalogues) All() []*Catalogue { return c.all }

// Has tells whether there is a language of exactly that tag.
func (c *Catalogues) Has(tag string) bool {
	for _, one := range c.all {
		if one.Tag == tag {
			return true
		}
	}
	return false
}

// maxAccept is how many octets of an Accept-Language header are looked at.
const maxAccept = 256

// Match picks the catalogue that fits best. Each wish is a tag or the value of
// an Accept-Language header (RFC 9110 section 12.5.4); an earlier one that fits
// at all wins over a later one. English is what is left.
func (c *Catalogues) Match(wishes ...string) *Catalogue {
	for _, w := range wishes {
		if w == "" || len(w) > maxAccept {
			continue
		}
		tags, _, err := language.ParseAcceptLanguage(w)
		if err != nil || len(tags) == 0 {
			continue
		}
		if _, i, confidence := c.matcher.Match(tags...); confidence > language.No {
			return c.all[i]
		}
	}
	return c.all[0]
}

// Text returns the words for a key with args in their places. Args there is no
// place for are left out. A missing key shows as itself in brackets, which
// tests look for.
func (c *Catalogue) Text(key string, args ...any) string {
	p, ok := c.words[key]
	if !ok {
		return "[" + key + "]"
	}
	n := min(p.places, len(args))
	if n == 0 {
		return p.text
	}
	return fmt.Sprintf(p.text, args[:n]...)
}

// Count returns the words for a number of things: those of KEY.one or
// KEY.other, with the count as their first arg.
func (c *Catalogue) Count(key string, count int, args ...any) string {
	form := ".other"
	if count == 1 {
		form = ".one"
	}
	return c.Text(key+form, append([]any{strconv.Itoa(count)}, args...)...)
}

// Keys calls fn for each key.
func (c *Catalogue) Keys(fn func(key, text string)) {
	for key, p := range c.words {
		fn(key, p.text)
	}
}

// places matches what stands for an arg.
var places = regexp.MustCompile(`%(?:\[(\d)\])?s`)

// Places is how many args a text has places for.
func Places(text string) int {
	if !strings.Contains(text, "%") {
		return 0
	}
	most := 0
	for i, m := range places.FindAllStringSubmatch(text, -1) {
		n := i + 1
		if m[1] != "" {
			n = int(m[1][0] - '0')
		}
		most = max(most, n)
	}
	return most
}
