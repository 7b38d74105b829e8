package mailbox

import "strings"

// signature is the line before a signature; its space is part of it and flows nowhere.
const signature = "-- "

// unflow undoes format=flowed (RFC 3676): lines that end in a space go on in the next one of the same quote depth;
// with delSp that space was only put there to say so.
func unflow(text string, delSp bool) string {
	var out, paragraph strings.Builder
	depth, open := 0, false
	flush := func() {
		if open {
			text := paragraph.String()
			if text != signature {
				text = strings.TrimRight(text, " ")
			}
			out.WriteString(quotePrefix(depth, text))
			out.WriteByte('\n')
		}
		paragraph.Reset()
		open = false
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		content := strings.TrimLeft(line, ">")
		d := len(line) - len(content)
		content = strings.TrimPrefix(content, " ")
		if open && d != depth {
			flush()
		}
		if content == signature {
			flush()
			depth, open = d, true
			paragraph.WriteString(signature)
			flush()
			continue
		}
		depth, open = d, true
		if !strings.HasSuffix(content, " ") {
			paragraph.WriteString(content)
			flush()
			continue
		}
		if delSp {
			content = content[:len(content)-1]
		}
		paragraph.WriteString(content)
	}
	flush()
	return out.String()
}

func quotePrefix(depth int, text string) string {
	if depth == 0 {
		return text
	}
	if text == "" {
		return strings.Repeat(">", depth)
	}
	return strings.Repeat(">", depth) + " " + text
}
