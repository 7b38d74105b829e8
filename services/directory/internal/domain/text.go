package domain

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/worktime"
)

const (
	maxDisplayName = 200
	maxDescription = 2000
	maxEmail       = 254
	maxHandle      = 40
	// maxBase leaves a derived handle room for the number that makes it unique.
	maxBase = 30
)

var handlePattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,38}[a-z0-9])?$`)

// CheckDisplayName returns the name without spaces around it, or Invalid: it has 1 to 200 characters on one line.
func CheckDisplayName(field, name string) (string, error) {
	name = strings.TrimSpace(name)
	if name == "" || utf8.RuneCountInString(name) > maxDisplayName || strings.ContainsFunc(name, unicode.IsControl) {
		return "", fault.InvalidField(field, "must have 1 to 200 characters, on one line")
	}
	return name, nil
}

// CheckDescription returns the text without spaces around it, or Invalid: it has at most 2000 characters.
func CheckDescription(field, text string) (string, error) {
	text = strings.TrimSpace(text)
	if utf8.RuneCountInString(text) > maxDescription {
		return "", fault.InvalidField(field, "must have at most 2000 characters")
	}
	return text, nil
}

// CheckZone returns the zone, or Invalid: it is the name of an IANA zone. Empty becomes the fallback.
func CheckZone(field, zone, fallback string) (string, error) {
	if zone == "" {
		return fallback, nil
	}
	if _, err := worktime.LoadZone(zone); err != nil {
		return "", fault.InvalidField(field, "must be an IANA time zone, such as Europe/Lisbon")
	}
	return zone, nil
}

// CheckEmail returns the address in lower case, or Invalid. Addresses that differ only in case are one.
func CheckEmail(field, email string) (string, error) {
	email = strings.ToLower(strings.TrimSpace(email))
	local, host, ok := strings.Cut(email, "@")
	if !ok || local == "" || host == "" || len(email) > maxEmail || strings.ContainsFunc(email, unreadable) ||
		strings.Contains(host, "@") {
		return "", fault.InvalidField(field, "must be a mail address")
	}
	return email, nil
}

func unreadable(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

// CheckHandle refuses what is no handle: Invalid. A handle is 1 to 40 lower-case letters, digits, dots, underscores
// and hyphens, and begins and ends with a letter or a digit, so that a mention may end a sentence.
func CheckHandle(field, handle string) error {
	if !handlePattern.MatchString(handle) {
		return fault.InvalidField(field,
			"must be 1 to 40 of a-z, 0-9, dot, underscore and hyphen, with a letter or digit at both ends")
	}
	return nil
}

// DeriveHandle makes a handle from a mail address (what stands before the @) or from a display name. It is always a
// handle, and short enough for NextHandle.
func DeriveHandle(source string) string {
	source, _, _ = strings.Cut(source, "@")
	var b strings.Builder
	for _, r := range strings.ToLower(source) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.', r == '_':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() >= maxBase {
			break
		}
	}
	handle := strings.Trim(b.String(), "._-")
	if handle == "" {
		return "someone"
	}
	return handle
}

// NextHandle returns base where it is free, else base with the lowest number from 2 that makes it so.
func NextHandle(base string, taken []string) string {
	used := make(map[string]bool, len(taken))
	for _, handle := range taken {
		used[handle] = true
	}
	if !used[base] {
		return base
	}
	for n := 2; ; n++ {
		if handle := base + strconv.Itoa(n); !used[handle] {
			return handle
		}
	}
}

// nameFromEmail is what to call somebody of whom only the address is known.
func nameFromEmail(email string) string {
	local, _, _ := strings.Cut(email, "@")
	return local
}
