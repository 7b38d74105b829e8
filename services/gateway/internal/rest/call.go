package rest

import (
	"context"
	"net/http"
	"net/url"

	"github.com/meridianhq/meridian/services/gateway/internal/edge"
)

// call is what the handlers of one request share.
type call struct {
	method edge.Method
	query  url.Values
	// body is the whole body, for naming the field at a position.
	body []byte
	// ifMatch is the header of this name.
	ifMatch string
	// derivedMask says that the update mask is made from the body, because the client gave none.
	derivedMask bool
}

type callKey struct{}

func withCall(ctx context.Context, c *call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

func callFrom(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

func newCall(method edge.Method, r *http.Request) *call {
	query := r.URL.Query()
	return &call{
		method:      method,
		query:       query,
		ifMatch:     r.Header.Get("If-Match"),
		derivedMask: r.Method == http.MethodPatch && !query.Has("updateMask") && !query.Has("update_mask"),
	}
}
