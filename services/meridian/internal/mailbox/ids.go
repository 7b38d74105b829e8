package mailbox

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
)

// MaxID is the most bytes an id has; a longer one is replaced by a hash of itself.
const MaxID = 250

var angleID = regexp.MustCompile(`<([^<>]+)>`)

// parseIDs reads the message ids of a Message-ID, In-Reply-To or References field in order. Comments are skipped, and
// where comments are damaged they are read over. A field without brackets is an id where it is one word with an "@".
func parseIDs(value string) []string {
	bare, _ := stripComments(value)
	ids := bracketed(bare)
	if len(ids) == 0 {
		ids = bracketed(value)
	}
	if len(ids) == 0 {
		if words := strings.Fields(bare); len(words) == 1 && strings.Contains(words[0], "@") {
			ids = append(ids, cleanID(words[0]))
		}
	}
	return ids
}

func bracketed(value string) []string {
	var ids []string
	for _, m := range angleID.FindAllStringSubmatch(value, -1) {
		if id := cleanID(m[1]); id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// cleanID takes out white space (ids are folded by some mailers) and control characters.
func cleanID(s string) string {
	s = strings.ToValidUTF8(s, "?")
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.Trim(s, "<>"))
	if len(s) > MaxID {
		sum := sha256.Sum256([]byte(s))
		return "sha256-" + hex.EncodeToString(sum[:]) + "@long-id.invalid"
	}
	return s
}

// messageID reads Message-ID; with none it derives one from what a copy of the message would have in common with it.
func messageID(h header, body []byte) (id string, derived bool) {
	value := h.get("message-id")
	if ids := parseIDs(value); len(ids) > 0 {
		return ids[0], false
	}
	if id := cleanID(value); id != "" {
		return id, false
	}
	sum := sha256.New()
	for _, name := range []string{"from", "date", "subject"} {
		sum.Write([]byte(name + ":" + strings.Join(strings.Fields(h.get(name)), " ") + "\n"))
	}
	sum.Write([]byte(strings.TrimSpace(strings.ReplaceAll(string(body), "\r\n", "\n"))))
	return "sha256-" + hex.EncodeToString(sum.Sum(nil)) + "@no-id.invalid", true
}
