package words

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func read(t *testing.T) *Catalogues {
	t.Helper()
	c, err := Read()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Every language says everything, with the same places.
func TestLanguagesAgree(t *testing.T) {
	all := read(t).All()
	english := all[0]
	for _, other := range all[1:] {
		english.Keys(func(key, text string) {
			said, ok := other.words[key]
			translated := said.text
			switch {
			case !ok:
				t.Errorf("%s lacks %q: %q", other.Tag, key, text)
			case Places(translated) != Places(text):
				t.Errorf("%s has %d places in %q, English has %d", other.Tag, Places(translated), key, Places(text))
			case strings.TrimSpace(translated) == "":
				t.Errorf("%s says nothing for %q", other.Tag, key)
			}
		})
		other.Keys(func(key, _ string) {
			if _, ok := english.words[key]; !ok {
				t.Errorf("%s has %q, which English lacks", other.Tag, key)
			}
		})
	}
}

// A % that is no place would come out as a mistake of fmt.
func TestNoOtherVerbs(t *testing.T) {
	for _, c := range read(t).All() {
		c.Keys(func(key, text string) {
			if rest := places.ReplaceAllString(text, ""); strings.Contains(rest, "%") && Places(text) > 0 {
				t.Errorf("%s: %q has a %% beside its places: %q", c.Tag, key, text)
			}
			if one, ok := strings.CutSuffix(key, ".one"); ok {
				if _, ok := c.words[one+".other"]; !ok {
					t.Errorf("%s: %q has no .other", c.Tag, key)
				}
			}
		})
	}
}

// quoted finds a string of a template or of Go source that can be a key or the
// beginning of one.
var quoted = regexp.MustCompile("[\"`]([a-z]+\\.[a-zA-Z0-9_.-]*)[\"`]")

// used reads all strings of the pages that look like keys.
func used(t *testing.T) map[string]string {
	found := make(map[string]string) // where
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, "_test.go") {
			return err
		}
		if ext := filepath.Ext(path); ext != ".go" && ext != ".html" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range quoted.FindAllStringSubmatch(string(text), -1) {
			found[m[1]] = path
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// No page asks for words that are not there, and none are there in vain. A key
// may be put together: then its beginning, which ends in a dot, is used, or
// all of it but .one and .other (of a count) or .is (of an entry on /me).
func TestKeysAreUsed(t *testing.T) {
	english := read(t).All()[0]
	found := used(t)
	areas := make(map[string]bool)
	english.Keys(func(key, _ string) {
		area, _, _ := strings.Cut(key, ".")
		areas[area] = true
		plain := regexp.MustCompile(`\.(one|other|is)$`).ReplaceAllString(key, "")
		for _, k := range []string{key, plain} {
			if _, ok := found[k]; ok {
				return
			}
		}
		for at, c := range key {
			if _, ok := found[key[:at+1]]; c == '.' && at > len(area) && ok {
				return
			}
		}
		t.Errorf("nobody uses %q", key)
	})
	file := regexp.MustCompile(`\.(html|js|mjs|css|svg|png|ics|eml|zip|txt|json|toml|com|org|local|xml)$`)
	for _, key := range slices.Sorted(maps.Keys(found)) {
		area, _, _ := strings.Cut(key, ".")
		if !areas[area] || file.MatchString(key) || english.begins(key) {
			continue
		}
		t.Errorf("%s asks for %q, which there is not", found[key], key)
	}
}

// begins tells whether a key is that or begins with it and a dot.
func (c *Catalogue) begins(prefix string) bool {
	for key := range c.words {
		if key == prefix || strings.HasPrefix(key, strings.TrimSuffix(prefix, ".")+".") {
			return true
		}
	}
	return false
}

func TestMatch(t *testing.T) {
	c := read(t)
	for _, tc := range []struct {
		wishes []string
		want   string
	}{
		{[]string{""}, "en"},
		{[]string{"id"}, "id"},
		{[]string{"", "id-ID,id;q=0.9,en-US;q=0.8"}, "id"},
		{[]string{"en", "id"}, "en"},
		{[]string{"fr,de;q=0.5"}, "en"},
		{[]string{"fr", "id"}, "id"},
		{[]string{"!!", strings.Repeat("id,", 200)}, "en"},
	} {
		if got := c.Match(tc.wishes...).Tag; got != tc.want {
			t.Errorf("%q: %s, want %s", tc.wishes, got, tc.want)
		}
	}
}

func TestText(t *testing.T) {
	c := &Catalogue{words: map[string]phrase{}}
	for key, text := range map[string]string{"a.plain": "50% off", "a.two": "%[2]s before %[1]s", "a.n.one": "%s day", "a.n.other": "%s days of %s"} {
		c.words[key] = phrase{text, Places(text)}
	}
	for _, tc := range []struct{ got, want string }{
		{c.Text("a.plain", "x"), "50% off"},
		{c.Text("a.two", "b", "a"), "a before b"},
		{c.Count("a.n", 1, "x"), "1 day"},
		{c.Count("a.n", 0, "x"), "0 days of x"},
		{c.Text("a.none"), "[a.none]"},
	} {
		if tc.got != tc.want {
			t.Errorf("%q, want %q", tc.got, tc.want)
		}
	}
}
