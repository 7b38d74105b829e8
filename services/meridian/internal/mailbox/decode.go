package mailbox

import (
	"bytes"
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
)

// decodeTransfer undoes a Content-Transfer-Encoding. What is damaged is kept as it stands, and said by ok.
func decodeTransfer(data []byte, name string) (decoded []byte, ok bool) {
	switch strings.ToLower(strings.Trim(strings.TrimSpace(name), "\"'")) {
	case "quoted-printable":
		return decodeQuotedPrintable(data, true)
	case "base64":
		return decodeBase64(data)
	case "", "7bit", "8bit", "binary", "7-bit", "8-bit":
		return data, true
	default:
		return data, false
	}
}

// decodeQuotedPrintable keeps a "=" that begins no escape. Where lines is set, white space at the ends of lines,
// which transport added, is taken away.
func decodeQuotedPrintable(data []byte, lines bool) (decoded []byte, ok bool) {
	decoded, ok = make([]byte, 0, len(data)), true
	for len(data) > 0 {
		line, rest := cutLine(data)
		data = rest
		end := ""
		if lines {
			text := bytes.TrimRight(line, " \t\r\n")
			if len(line) > 0 && line[len(line)-1] == '\n' {
				end = "\n"
			}
			if bytes.HasSuffix(text, []byte("=")) {
				text, end = text[:len(text)-1], ""
			}
			line = text
		}
		for i := 0; i < len(line); i++ {
			if line[i] != '=' {
				decoded = append(decoded, line[i])
				continue
			}
			if i+2 < len(line) && isHex(line[i+1]) && isHex(line[i+2]) {
				decoded = append(decoded, unhex(line[i+1])<<4|unhex(line[i+2]))
				i += 2
				continue
			}
			ok = false
			decoded = append(decoded, '=')
		}
		decoded = append(decoded, end...)
	}
	return decoded, ok
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	default:
		return c - 'a' + 10
	}
}

// decodeBase64 skips what is not of its alphabet, takes padding in the middle for the end of a run, and stops before
// a line that is plainly no base64 (list software puts its footers there), which it keeps as text.
func decodeBase64(data []byte) (decoded []byte, ok bool) {
	ok = true
	var run []byte
	flush := func() {
		if len(run)%4 == 1 {
			run, ok = run[:len(run)-1], false
		}
		out, err := base64.RawStdEncoding.DecodeString(string(run))
		ok = ok && err == nil
		decoded = append(decoded, out...)
		run = run[:0]
	}
	for len(data) > 0 {
		line, rest := cutLine(data)
		text := bytes.TrimSpace(line)
		if foreign(text)*4 > len(text) {
			flush()
			return append(append(decoded, '\n'), data...), false
		}
		for _, c := range text {
			switch {
			case inBase64(c):
				run = append(run, c)
			case c == '=':
				flush()
			default:
				ok = false
			}
		}
		data = rest
	}
	flush()
	return decoded, ok
}

func foreign(text []byte) int {
	n := 0
	for _, c := range text {
		if !inBase64(c) && c != '=' {
			n++
		}
	}
	return n
}

func inBase64(c byte) bool {
	return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '+' || c == '/'
}

// decodeCharset turns text of a charset into UTF-8. Bytes that do not fit become U+FFFD; a charset that is missing,
// unknown or plainly wrong gives way to UTF-8 and then to Windows-1252, which every byte fits. ok is false where it
// had to be guessed against what was said, or something did not fit.
func decodeCharset(data []byte, name string) (text string, ok bool) {
	name = strings.ToLower(strings.Trim(strings.TrimSpace(name), "\"'"))
	switch name {
	case "", "us-ascii", "ascii", "ansi_x3.4-1968", "unknown-8bit", "x-unknown", "unknown", "default", "binary", "8bit":
		return guess(data), true
	case "utf-8", "utf8":
		if utf8.Valid(data) {
			return string(data), true
		}
		if multibyte(data) {
			return strings.ToValidUTF8(string(data), "\ufffd"), false
		}
		return guess(data), false
	}
	enc := lookup(name)
	if enc == nil {
		return guess(data), false
	}
	decoded, err := enc.NewDecoder().Bytes(data)
	if err != nil {
		return guess(data), false
	}
	text = strings.ToValidUTF8(string(decoded), "\ufffd")
	return text, !strings.Contains(text, "\ufffd")
}

// lookup finds a charset by the web's names and then by IANA's. The web's "replacement", which reads nothing, is none.
func lookup(name string) encoding.Encoding {
	if enc, err := htmlindex.Get(name); err == nil && enc != encoding.Replacement {
		return enc
	}
	for _, alias := range []string{name, strings.Replace(name, "cp-", "ibm", 1), strings.Replace(name, "cp", "ibm", 1), strings.ReplaceAll(name, "_", "-")} {
		if enc, err := ianaindex.MIME.Encoding(alias); err == nil && enc != nil {
			return enc
		}
		if enc, err := ianaindex.IANA.Encoding(alias); err == nil && enc != nil {
			return enc
		}
	}
	return nil
}

func guess(data []byte) string {
	if utf8.Valid(data) {
		return string(data)
	}
	decoded, err := charmap.Windows1252.NewDecoder().Bytes(data)
	if err != nil {
		return strings.ToValidUTF8(string(data), "\ufffd")
	}
	return string(decoded)
}

// multibyte says whether data holds at least as many UTF-8 sequences as bytes that fit none: then it is UTF-8 with
// damage rather than something else.
func multibyte(data []byte) bool {
	good, bad := 0, 0
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		switch {
		case r == utf8.RuneError && size == 1:
			bad++
		case size > 1:
			good++
		}
		data = data[size:]
	}
	return good > 0 && good >= bad
}
