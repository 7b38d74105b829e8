package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"golang.org/x/term"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// output prints results.
type output struct {
	streams Streams
	json    bool
}

// print prints a message as JSON, or what table writes. A table's cells are put in columns at its tabs.
func (o output) print(m proto.Message, table func(w io.Writer)) error {
	if !o.json {
		return o.table(table)
	}
	data, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(m)
	if err != nil {
		return err
	}
	// protojson's own indentation differs from build to build.
	var indented bytes.Buffer
	if err := json.Indent(&indented, data, "", "  "); err != nil {
		return err
	}
	_, err = fmt.Fprintln(o.streams.Out, indented.String())
	return err
}

func (o output) table(table func(w io.Writer)) error {
	w := tabwriter.NewWriter(o.streams.Out, 0, 4, 2, ' ', 0)
	table(w)
	return w.Flush()
}

// printValue prints a value that is no protobuf message as JSON, or what table writes.
func (o output) printValue(v any, table func(w io.Writer)) error {
	if !o.json {
		return o.table(table)
	}
	encoder := json.NewEncoder(o.streams.Out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

// row writes one line of a table.
func row(w io.Writer, cells ...string) {
	for i, cell := range cells {
		cells[i] = cell1(cell)
	}
	_, _ = fmt.Fprintln(w, strings.Join(cells, "\t"))
}

// cell1 puts a text on one line, fit for a terminal.
func cell1(s string) string { return strings.Join(strings.Fields(safe(s)), " ") }

// safe takes control characters, with which a text could rewrite the terminal, out of it; lines and tabs stay.
func safe(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// short cuts a text to that many characters.
func short(s string, n int) string {
	if runes := []rune(cell1(s)); len(runes) > n {
		return string(runes[:n-1]) + "…"
	}
	return cell1(s)
}

// id is the last part of a resource name.
func id(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// when shows an instant in the reader's own zone.
func when(t *timestamppb.Timestamp) string {
	if t == nil {
		return "-"
	}
	return t.AsTime().Local().Format("2006-01-02 15:04")
}

// clockOf shows an instant in the offset of whoever wrote it.
func clockOf(t *timestamppb.Timestamp, offset time.Duration) string {
	return t.AsTime().In(time.FixedZone("", int(offset/time.Second))).Format("2006-01-02 15:04 -0700")
}

// isTerminal says whether somebody looks at what is written there.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
