package clean

import (
	"regexp"
	"strings"
)

// maxDeclarations is how many declarations of one style are kept.
const maxDeclarations = 60

// properties are those that change how text and tables look where they stand.
// Nothing that takes an element out of its place (position, transform, float
// to cover), that loads (a url() in any property), or that a program reads.
var properties = wordSet(`background background-color border border-bottom border-bottom-color border-bottom-style
	border-bottom-width border-collapse border-color border-left border-left-color border-left-style border-left-width
	border-radius border-right border-right-color border-right-style border-right-width border-spacing border-style
	border-top border-top-color border-top-style border-top-width border-width clear color direction display float font
	font-family font-size font-style font-variant font-weight height letter-spacing line-height list-style
	list-style-type margin margin-bottom margin-left margin-right margin-top max-width min-width overflow-wrap padding
	padding-bottom padding-left padding-right padding-top table-layout text-align text-decoration text-indent
	text-transform vertical-align white-space width word-break word-spacing word-wrap`)

var (
	// value is one or more words, numbers, colours, quoted family names, or a
	// colour's function. A minus only inside words, so that nothing is moved
	// over what stands beside it.
	value = regexp.MustCompile(`^(?:(?:#[0-9a-f]{3,8}|[0-9]*\.?[0-9]+(?:px|pt|em|ex|rem|ch|cm|mm|in|pc|%)?|[a-z][a-z-]*|` +
		`'[a-z0-9 _.-]*'|(?:rgba?|hsla?)\([0-9., %]*\))(?:[ ]*,[ ]*|[ ]+|/|$))+$`)
	forbidden = wordSet("expression behavior behaviour url image element attr var env fixed absolute sticky")
)

func wordSet(words string) map[string]bool {
	set := make(map[string]bool)
	for _, w := range strings.Fields(words) {
		set[w] = true
	}
	return set
}

// style returns what may stay of an inline style, in a form of its own: lower
// case, without comments, escapes or double quotes.
func style(s string) string {
	if len(s) > MaxAttribute || strings.ContainsAny(s, `\@{}<`) || strings.Contains(s, "/*") {
		return "" // escapes and comments are how styles hide what they say
	}
	var kept []string
	for declaration := range strings.SplitSeq(s, ";") {
		name, val, ok := strings.Cut(declaration, ":")
		name = strings.ToLower(strings.TrimSpace(name))
		if !ok || !properties[name] || len(kept) == maxDeclarations {
			continue
		}
		if val = styleValue(val); val != "" {
			kept = append(kept, name+": "+val)
		}
	}
	return strings.Join(kept, "; ")
}

func styleValue(val string) string {
	val = strings.ToLower(strings.Join(strings.Fields(val), " "))
	val = strings.TrimSpace(strings.TrimSuffix(val, "!important"))
	val = strings.ReplaceAll(val, `"`, "'")
	if !value.MatchString(val) {
		return ""
	}
	for word := range strings.FieldsFuncSeq(val, func(r rune) bool { return strings.ContainsRune(" ,()/'-.", r) }) {
		if forbidden[word] {
			return ""
		}
	}
	return val
}
