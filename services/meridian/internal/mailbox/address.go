package mailbox

import (
	"regexp"
	"strings"

	"golang.org/x/net/idna"
)

var (
	emailRE = regexp.MustCompile("^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$")
	// hiddenAt and hiddenDot are how archives and people hide addresses from machines.
	hiddenAt     = regexp.MustCompile(`(?i)\s+(?:at|@)\s+`)
	hiddenDot    = regexp.MustCompile(`(?i)\s+dot\s+`)
	bracketedAt  = regexp.MustCompile(`(?i)\s*(?:\(\s*(?:at|@)\s*\)|\[\s*(?:at|@)\s*\]|\{\s*(?:at|@)\s*\}|<\s*at\s*>)\s*`)
	bracketedDot = regexp.MustCompile(`(?i)\s*(?:\(\s*dot\s*\)|\[\s*dot\s*\]|\{\s*dot\s*\})\s*`)
)

// parseFrom reads the first sender of a From field: "Name <a@b.c>", "a@b.c (Name)", "a at b.c (Name)", with encoded
// words, unquoted commas and the like. ok is false where no address can be made out.
func parseFrom(value string) (from Address, ok bool) {
	value = strings.NewReplacer("\r", "", "\n", " ", "\t", " ").Replace(value)
	value = bracketedDot.ReplaceAllString(bracketedAt.ReplaceAllString(value, "@"), ".")
	before, inner, found := angle(value)
	if found {
		if first, _, comma := cutAtComma(before); comma {
			if a, ok := parseFrom(first); ok {
				return a, true
			}
		}
		if email, ok := cleanEmail(inner); ok {
			return Address{Name: cleanName(before, email), Email: email}, true
		}
		value = inner + " " + before
	}
	bare, comment := stripComments(value)
	bare, _, _ = strings.Cut(bare, ";")
	if _, list, group := strings.Cut(bare, ":"); group {
		bare = list
	}
	for _, candidate := range append(strings.Split(bare, ","), strings.Fields(bare)...) {
		if email, ok := cleanEmail(candidate); ok {
			return Address{Name: cleanName(comment, email), Email: email}, true
		}
	}
	return Address{}, false
}

// angle finds the last "<...>" outside quotes that is an address's place, and what stands before it.
func angle(value string) (before, inner string, found bool) {
	open, quoted := -1, false
	for i := 0; i < len(value); i++ {
		switch value[i] {
		case '\\':
			i++
		case '"':
			quoted = !quoted
		case '<':
			if !quoted && open < 0 {
				open = i
			}
		}
	}
	if open < 0 {
		if open = strings.LastIndexByte(value, '<'); open < 0 {
			return "", "", false
		}
	}
	inner, _, _ = strings.Cut(value[open+1:], ">")
	return value[:open], strings.TrimLeft(inner, "< "), true
}

// cutAtComma splits at the first comma outside quotes if an address stands before it.
func cutAtComma(s string) (first, rest string, found bool) {
	quoted := false
	for i := range len(s) {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ',' && !quoted:
			return s[:i], s[i+1:], strings.Contains(s[:i], "@")
		}
	}
	return s, "", false
}

// stripComments takes "(...)" out of a value; the last comment is returned. Unbalanced ones run to the end.
func stripComments(value string) (bare, comment string) {
	var out, in strings.Builder
	depth := 0
	for i := 0; i < len(value); i++ {
		c := value[i]
		switch {
		case c == '\\' && i+1 < len(value) && depth > 0:
			i++
			in.WriteByte(value[i])
			continue
		case c == '(':
			if depth == 0 {
				in.Reset()
			}
			depth++
			if depth == 1 {
				continue
			}
		case c == ')' && depth > 0:
			depth--
			if depth == 0 {
				comment = in.String()
				continue
			}
		}
		if depth > 0 {
			in.WriteByte(c)
		} else {
			out.WriteByte(c)
		}
	}
	if depth > 0 {
		comment = in.String()
	}
	return out.String(), comment
}

// cleanEmail makes one address of what a header holds at an address's place.
func cleanEmail(s string) (string, bool) {
	s, _ = stripComments(s)
	s = strings.Trim(strings.TrimSpace(s), "<>\"' \t,;")
	if !strings.Contains(s, "@") || hiddenAt.MatchString(s) {
		s = hiddenDot.ReplaceAllString(hiddenAt.ReplaceAllString(s, "@"), ".")
	}
	s = strings.TrimPrefix(s, "mailto:")
	at := strings.LastIndexByte(s, '@')
	if at < 1 {
		return "", false
	}
	local, domain := strings.Trim(s[:at], "\""), strings.TrimSuffix(s[at+1:], ".")
	if ascii, err := idna.Lookup.ToASCII(domain); err == nil {
		domain = ascii
	}
	email := strings.ToLower(local + "@" + domain)
	return email, len(email) <= 254 && emailRE.MatchString(email)
}

// cleanName decodes a display name and takes quotes and the address itself away from it.
func cleanName(s, email string) string {
	s = strings.TrimSpace(s)
	if bare, comment := stripComments(s); strings.TrimSpace(bare) == "" {
		s = comment
	}
	s = strings.ReplaceAll(s, `\"`, "\x00")
	s = strings.NewReplacer(`"`, "", "\x00", `"`, `\\`, `\`).Replace(s)
	s = decodeHeader(s)
	s = strings.TrimSpace(strings.Trim(strings.ReplaceAll(s, "\x00", ""), "'\" ,"))
	if plain, ok := cleanEmail(s); ok && plain == email {
		return ""
	}
	return s
}
