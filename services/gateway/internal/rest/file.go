package rest

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/proto"
)

// fileHeaders gives an answer that is bytes of a type of its own, and no JSON, what caches need: an ETag of what it is, and
// that it is only good for whom it was sent to, and asked about every time: access to it may end at any time.
func fileHeaders(_ context.Context, w http.ResponseWriter, response proto.Message) error {
	file, ok := response.(*httpbody.HttpBody)
	if !ok {
		return nil
	}
	const short = 18 // bytes of the hash: 24 characters
	sum := sha256.Sum256(file.GetData())
	w.Header().Set("ETag", `"`+base64.RawURLEncoding.EncodeToString(sum[:short])+`"`)
	w.Header().Set("Cache-Control", "private, no-cache")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	return nil
}

// conditional answers 304 in the place of a file that the client has: RFC 9110 13.1.2. Only files say how they are cached.
type conditional struct {
	http.ResponseWriter
	// seen are the values of If-None-Match.
	seen []string
	// decided says that the status is written, has that the client has the file.
	decided, has bool
}

// WriteHeader implements http.ResponseWriter.
func (c *conditional) WriteHeader(code int) {
	if c.decided {
		return
	}
	c.decided = true
	header := c.Header()
	if c.has = code == http.StatusOK && header.Get("Cache-Control") != "" && c.matches(header.Get("ETag")); c.has {
		header.Del("Content-Type")
		header.Del("Content-Length")
		code = http.StatusNotModified
	}
	c.ResponseWriter.WriteHeader(code)
}

// matches compares weakly: a proxy that compresses may have made the tag a weak one, or put its own mark behind it.
func (c *conditional) matches(tag string) bool {
	for _, value := range c.seen {
		if slices.ContainsFunc(strings.Split(value, ","), func(seen string) bool {
			seen = strings.TrimSpace(seen)
			return seen == "*" || strings.TrimPrefix(seen, "W/") == tag
		}) {
			return true
		}
	}
	return false
}

// Write implements http.ResponseWriter.
func (c *conditional) Write(body []byte) (int, error) {
	if c.WriteHeader(http.StatusOK); c.has {
		return len(body), nil
	}
	return c.ResponseWriter.Write(body) //nolint:wrapcheck // as the writer that it stands before
}

// Unwrap lets http.ResponseController reach the connection.
func (c *conditional) Unwrap() http.ResponseWriter { return c.ResponseWriter }
