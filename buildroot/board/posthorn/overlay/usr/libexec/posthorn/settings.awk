# Reads posthorn.toml, of TOML (toml.io) what settings need: "name = value"
# lines, [section] and [[section]] headers, comments; values are "basic" or
# 'literal' strings on one line, numbers and booleans.
#
# Prints each setting as section, name and value between tabs, the value of a
# setting before the first header, whose section is called "box" (for the shell
# an empty one is none), as it stands, so that it is TOML still, and
# "account", "end" after each [[account]]. A setting it can't read is skipped.
# With blank=1 it prints the file with spaces in the place of passwords, octet
# for octet as long as it was.

function finish() {
	if (section == "account" && !blank) print "account\tend\t"
}

# unquoted is the string that stands at the start of text; its length with the
# quotes is left in taken, 0 if there is none.
function unquoted(text,    quote, out, i, c) {
	quote = substr(text, 1, 1)
	taken = 0
	if (quote != "\"" && quote != "'") return ""
	for (i = 2; i <= length(text); i++) {
		c = substr(text, i, 1)
		if (c == quote) { taken = i; return out }
		if (c == "\\" && quote == "\"") {
			c = substr(text, ++i, 1)
			if (c != "\"" && c != "\\") return ""
		}
		out = out c
	}
	return ""
}

function spaces(n,    out) {
	while (n-- > 0) out = out " "
	return out
}

{
	line = $0
	text = line
	sub(/\r$/, "", text)
	sub(/^[ \t]+/, "", text)
}

text ~ /^\[/ {
	finish()
	section = text
	sub(/#.*/, "", section)
	gsub(/[^a-z-]/, "", section)
}

text ~ /^[A-Za-z0-9_-]+[ \t]*=/ {
	name = text
	sub(/[ \t]*=.*/, "", name)
	value = text
	sub(/^[^=]*=[ \t]*/, "", value)
	plain = unquoted(value)
	if (blank && name == "password" && taken > 2) {
		at = length(line) - length(value) - (line ~ /\r$/ ? 1 : 0)
		line = substr(line, 1, at) "\"\"" spaces(taken - 2) substr(line, at + taken + 1)
	}
	if (!blank && (taken > 2 || value ~ /^[a-z0-9]/)) {
		if (taken == 0) { sub(/[ \t]*(#.*)?$/, "", value); plain = value }
		if (section == "" && name != "hostname") plain = taken ? substr(value, 1, taken) : value
		if (plain !~ /\t/) print (section == "" ? "box" : section) "\t" name "\t" plain
	}
}

blank { print line }

END { finish() }
