package mailbox

import (
	"bytes"
	"regexp"
	"strings"
	"time"
)

// envelope is what a From_ line says.
type envelope struct {
	date time.Time
	// git marks the fixed date and the commit hash that git format-patch writes there.
	git bool
}

var (
	envelopeDate = regexp.MustCompile(`(?i)\b(mon|tue|wed|thu|fri|sat|sun)[a-z]*,? `)
	gitEnvelope  = regexp.MustCompile(`^From [0-9a-f]{40,64} Mon Sep 17 00:00:00 2001\s*$`)
	isoDate      = regexp.MustCompile(`\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d`)
)

// gitDate is what git and tools after its manner write where they have no date to tell.
const gitDate = 1000684800 // 2001-09-17T00:00:00Z

// parseEnvelope reads a From_ line: "From ", the sender (which may hold spaces where archives hide addresses, or be
// "-"), and a date in asctime's form or one of its relatives.
func parseEnvelope(line []byte) (envelope, bool) {
	if !bytes.HasPrefix(line, []byte("From ")) || len(line) > 1000 {
		return envelope{}, false
	}
	text := strings.TrimSpace(string(line))
	if gitEnvelope.MatchString(text) {
		return envelope{git: true}, true
	}
	text, _, _ = strings.Cut(text, " remote from ")
	at := -1
	if found := envelopeDate.FindAllStringIndex(text, -1); len(found) > 0 {
		at = found[len(found)-1][0]
	} else if found := isoDate.FindStringIndex(text); found != nil {
		at = found[0]
	}
	if at < len("From ") {
		return envelope{}, false
	}
	date, ok := parseDate(text[at:])
	if !ok {
		return envelope{}, false
	}
	if date.Unix() == gitDate {
		date = time.Time{}
	}
	return envelope{date: date}, true
}
