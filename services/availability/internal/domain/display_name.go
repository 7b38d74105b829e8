package domain

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/meridianhq/meridian/pkg/fault"
)

// checkDisplayName refuses a name that people could not read in a list: an empty one, one of blanks alone, one that is too
// long or not on one line. message is what has the field, with a dot after it.
func checkDisplayName(message, name string, longest int) error {
	field := message + "display_name"
	switch {
	case !utf8.ValidString(name):
		return fault.InvalidField(field, "must be valid UTF-8")
	case strings.TrimSpace(name) == "" || utf8.RuneCountInString(name) > longest || strings.ContainsFunc(name, unicode.IsControl):
		return fault.InvalidField(field, fmt.Sprintf("must have 1 to %d characters, not all blank, on one line", longest))
	}
	return nil
}
