package compose

import (
	"strings"
	"unicode/utf8"
)

// flowedWidth is the number of characters after which lines are broken softly
// (RFC 3676 section 4.2 wants less than 79).
const flowedWidth = 72

// Flow writes text as format=flowed (RFC 3676): each paragraph, which is one
// line of text, as lines that end in a space but for the last. A line that
// begins with ">" is quoted text, and its marks are put before each of its
// lines. Line ends become CRLF.
func Flow(text string) string {
	var out strings.Builder
	out.Grow(len(text) + len(text)/16)
	text = strings.TrimRight(normalize(text), "\n")
	if text == "" {
		return ""
	}
	for line := range strings.SplitSeq(text, "\n") {
		depth := 0
		for rest := line; strings.HasPrefix(rest, ">"); rest = strings.TrimPrefix(rest, " ") {
			rest = rest[1:]
			line = rest
			depth++
		}
		flowLine(&out, strings.Repeat(">", depth), line)
	}
	return out.String()
}

// flowLine writes one paragraph behind its quote marks.
func flowLine(out *strings.Builder, marks, line string) {
	if marks != "" {
		line = strings.TrimPrefix(line, " ")
	}
	if line != "-- " { // the line before a signature keeps its space
		line = strings.TrimRight(line, " \t")
	}
	for {
		piece, rest := breakLine(line)
		out.WriteString(marks)
		if marks != "" && piece != "" || strings.HasPrefix(piece, " ") || strings.HasPrefix(piece, ">") || strings.HasPrefix(piece, "From ") {
			out.WriteByte(' ') // section 4.4
		}
		out.WriteString(piece)
		out.WriteString("\r\n")
		if rest == "" {
			return
		}
		line = rest
	}
}

// breakLine cuts a line after the last space within the width, or the first
// after it if a word is longer. What is cut keeps its space.
func breakLine(line string) (piece, rest string) {
	if len(line) <= flowedWidth || line == "-- " {
		return line, ""
	}
	cut, width := -1, 0
	for i, r := range line {
		if width++; width > flowedWidth && cut >= 0 {
			break
		}
		if r == ' ' && i > 0 && i+utf8.RuneLen(r) < len(line) {
			cut = i + 1
		}
	}
	if cut < 0 || utf8.RuneCountInString(line) <= flowedWidth {
		return line, ""
	}
	return line[:cut], line[cut:]
}

// Unflow undoes format=flowed: soft line breaks are joined to paragraphs, with
// the quote marks before each. delsp says that the space at the end of a soft
// break is no part of the text.
func Unflow(text string, delsp bool) string {
	var out strings.Builder
	out.Grow(len(text))
	lastDepth, open := -1, false
	for line := range strings.SplitSeq(strings.TrimSuffix(normalize(text), "\n"), "\n") {
		depth := len(line) - len(strings.TrimLeft(line, ">"))
		line = strings.TrimPrefix(line[depth:], " ")
		if !open || depth != lastDepth {
			if lastDepth >= 0 {
				out.WriteByte('\n')
			}
			out.WriteString(strings.Repeat(">", depth))
			if depth > 0 {
				out.WriteByte(' ')
			}
		}
		lastDepth = depth
		open = strings.HasSuffix(line, " ") && line != "-- "
		if open && delsp {
			line = line[:len(line)-1]
		}
		out.WriteString(line)
	}
	return out.String()
}

// normalize makes all line ends \n.
func normalize(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
}
