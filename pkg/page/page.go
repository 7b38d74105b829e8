// Package page reads the arguments of List methods: page size, page token, filter and order.
//
// A page token is a keyset: the sort key of the last item, so that page 1,000 costs what page 1 costs. It is bound
// to the request's other arguments by a fingerprint, and a token with other arguments is refused. Tokens are opaque,
// not secret: what they carry the caller has seen, and every query checks rights anew. Every refusal is an Invalid
// fault that names its field.
package page

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/meridianhq/meridian/pkg/fault"
)

// MaxToken is the longest page token that is looked at, in bytes.
const MaxToken = 4 << 10

// fingerprintSize is how many bytes of the hash a token carries: enough against accidents, and a forged token
// gains nothing.
const fingerprintSize = 12

// Request is a page that a use case is asked for.
type Request[C any] struct {
	// Size is how many items the page has at most.
	Size int
	// After is the cursor of the last item before the page; nil asks for the first page.
	After *C
}

// Result is a page.
type Result[T, C any] struct {
	// Items are the page's items, at most Request.Size.
	Items []T
	// Next is the cursor of the last item when there are more; nil says that this page ends the list.
	Next *C
}

// Cut makes a page from the items of a query that asked for one more than the size. cursor tells an item's cursor.
func Cut[T, C any](items []T, size int, cursor func(T) C) Result[T, C] {
	if len(items) <= size {
		return Result[T, C]{Items: items}
	}
	items = items[:size]
	next := cursor(items[size-1])
	return Result[T, C]{Items: items, Next: &next}
}

// Size returns the page size to use: def when none is asked for, at most limit, by AIP-158. A negative one is
// Invalid.
func Size(requested int32, def, limit int) (int, error) {
	switch {
	case requested < 0:
		return 0, fault.InvalidField("page_size", "must not be negative")
	case requested == 0:
		return def, nil
	default:
		return min(int(requested), limit), nil
	}
}

// Fingerprint returns a short hash of every argument of a list request but page_size, page_token and request_id.
func Fingerprint(req proto.Message) string {
	rest := proto.Clone(req)
	m := rest.ProtoReflect()
	for _, name := range []protoreflect.Name{"page_size", "page_token", "request_id"} {
		if field := m.Descriptor().Fields().ByName(name); field != nil {
			m.Clear(field)
		}
	}
	hash := sha256.New()
	_, _ = io.WriteString(hash, string(m.Descriptor().FullName())+"\x00")
	// Unknown fields are arguments of a newer client and count; an error leaves them out, for both sides alike.
	text, _ := proto.MarshalOptions{Deterministic: true}.Marshal(rest)
	_, _ = hash.Write(text)
	return base64.RawURLEncoding.EncodeToString(hash.Sum(nil)[:fingerprintSize])
}

// Encode makes the token of the page after the cursor. cursor is a small struct of exported fields that JSON keeps
// whole; one that JSON refuses is a mistake in the program and panics.
func Encode(fingerprint string, cursor any) string {
	text, err := json.Marshal(cursor)
	if err != nil {
		panic("page: a cursor must be JSON: " + err.Error())
	}
	return base64.RawURLEncoding.EncodeToString([]byte(fingerprint + "." + string(text)))
}

// Decode reads a token into cursor, a pointer to the struct that Encode was given. A token that is not ours, or of
// a request with other arguments, is Invalid with PAGE_TOKEN_INVALID. The caller handles the empty token, or uses
// After.
func Decode(token, fingerprint string, cursor any) error {
	if len(token) > MaxToken {
		return badToken("is longer than any token of ours")
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || strings.ContainsAny(token, "\r\n") { // which the decoder skips
		return badToken("is not a token of ours")
	}
	given, body, ok := bytes.Cut(text, []byte("."))
	if !ok {
		return badToken("is not a token of ours")
	}
	if string(given) != fingerprint {
		return badToken("belongs to a list with other arguments; only page_size may change between pages")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(cursor); err != nil {
		return badToken("is not a token of ours")
	}
	if _, err := dec.Token(); err != io.EOF {
		return badToken("is not a token of ours")
	}
	return nil
}

// After reads the cursor that a page begins after: nil for the empty token, which asks for the first page.
func After[C any](token, fingerprint string) (*C, error) {
	if token == "" {
		return nil, nil
	}
	cursor := new(C)
	if err := Decode(token, fingerprint, cursor); err != nil {
		return nil, err
	}
	return cursor, nil
}

// Next makes the token of the page after this one: empty when this page ends the list.
func Next[C any](fingerprint string, next *C) string {
	if next == nil {
		return ""
	}
	return Encode(fingerprint, next)
}

func badToken(rule string) error {
	return fault.New(fault.Invalid, fault.ReasonPageTokenInvalid, "page_token %s", rule).
		WithField("page_token", rule)
}
