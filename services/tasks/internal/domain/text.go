package domain

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/meridianhq/meridian/pkg/fault"
)

// The longest texts.
const (
	// MaxTitle is of a task's title and a project's display name, in characters.
	MaxTitle = 200
	// MaxDescription is of a task's description, in bytes.
	MaxDescription = 64 << 10
	// MaxPurpose is of a project's description, MaxReason of a refusal's reason, both in characters.
	MaxPurpose = 2000
	MaxReason  = 2000
	// MaxNotePart is of each text of a note, MaxNote of all of a note together, both in bytes.
	MaxNotePart = 16 << 10
	MaxNote     = 96 << 10
)

// CheckTitle refuses a title that is not one line of 1 to MaxTitle characters without control characters or blanks
// around it.
func CheckTitle(field, title string) error {
	return checkLine(field, title, MaxTitle)
}

// checkLine refuses what is not one line of 1 to limit characters.
func checkLine(field, text string, limit int) error {
	switch {
	case text == "":
		return fault.InvalidField(field, "is required")
	case !utf8.ValidString(text):
		return fault.InvalidField(field, "must be valid UTF-8")
	case utf8.RuneCountInString(text) > limit:
		return fault.InvalidField(field, "must be at most "+strconv.Itoa(limit)+" characters")
	}
	runes := []rune(text)
	if unicode.IsSpace(runes[0]) || unicode.IsSpace(runes[len(runes)-1]) {
		return fault.InvalidField(field, "must not begin or end with a blank")
	}
	for _, r := range runes {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return fault.InvalidField(field, "must be one line without control characters")
		}
	}
	return nil
}

// checkDescription refuses a description that is too long or not text. It may be blank.
func checkDescription(field, text string) error {
	if len(text) > MaxDescription {
		return fault.InvalidField(field, "must be at most 64 KiB")
	}
	return checkText(field, text)
}

// CheckReason refuses a reason of more than MaxReason characters, or a blank one where one is required.
func CheckReason(field, reason string, required bool) error {
	switch {
	case required && blank(reason):
		return fault.InvalidField(field, "must not be blank")
	case utf8.RuneCountInString(reason) > MaxReason:
		return fault.InvalidField(field, "must be at most 2000 characters")
	}
	return checkText(field, reason)
}

func checkText(field, text string) error {
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return fault.InvalidField(field, "must be valid UTF-8 without U+0000")
	}
	return nil
}

// blank says whether nothing of a text can be seen: it holds only spaces, controls and format characters.
func blank(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsSpace(r) && !unicode.In(r, unicode.Cc, unicode.Cf) })
}
