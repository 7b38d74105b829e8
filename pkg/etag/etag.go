// Package etag makes entity tags from an aggregate's version and checks those that clients send back.
//
// A tag is the version in quotes, `"12"`, as RFC 7232 writes it and AIP-154 asks for, so that it goes unchanged
// into an HTTP header.
package etag

import (
	"strconv"

	"github.com/meridianhq/meridian/pkg/fault"
)

// Of returns the tag of a version: `"12"`, with the quotes.
func Of(version int64) string {
	return `"` + strconv.FormatInt(version, 10) + `"`
}

// Check compares the tag that a client gave in a field with the version as it is now. An empty tag asks for no
// check. Another version is Aborted with ETAG_STALE and the present tag as metadata `etag`; what is no tag of ours
// is Invalid.
func Check(field, given string, version int64) error {
	switch {
	case given == "", given == Of(version):
		return nil
	case !valid(given):
		return fault.InvalidField(field, `must be an etag as it was read, such as "12", with its quotes`)
	}
	return fault.New(fault.Aborted, fault.ReasonEtagStale, "the resource has changed since this etag was read").
		With("etag", Of(version))
}

func valid(tag string) bool {
	if len(tag) < 3 || tag[0] != '"' || tag[len(tag)-1] != '"' {
		return false
	}
	version, err := strconv.ParseInt(tag[1:len(tag)-1], 10, 64)
	return err == nil && Of(version) == tag
}
