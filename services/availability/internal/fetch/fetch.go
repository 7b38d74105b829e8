// Package fetch fetches calendars from where they are.
//
// It promises what package egress does: nothing that only this machine or its neighbours can reach is fetched, unless the
// operator names its network. What it says of a failure tells nothing of the network: no address, and no part of the URL,
// which is often a secret.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/meridianhq/meridian/pkg/egress"
	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// MaxBody is the largest file that is fetched, in bytes.
const MaxBody = 16 << 20

// longestValidator is the longest value of a validator that is kept; a longer one is as none.
const longestValidator = 512

// Fetcher implements app.Fetcher.
type Fetcher struct {
	options egress.Options
	client  *http.Client
}

// New makes a fetcher. Networks are reached although they are not public, and then at any port; timeout bounds a fetch with
// its redirects and its body.
func New(networks []netip.Prefix, timeout time.Duration) *Fetcher {
	options := egress.Options{HTTP: true, AnyPort: len(networks) > 0, Networks: networks, Timeout: timeout, MaxBody: MaxBody}
	return &Fetcher{options: options, client: egress.NewClient(options)}
}

// Check implements app.Fetcher.
func (f *Fetcher) Check(text string) error {
	if text == "" {
		return nil
	}
	if refused := egress.Refused(f.options.CheckURL(text)); refused != nil {
		return &app.FetchError{Why: "the " + refused.Part + " " + refused.Rule}
	}
	return nil
}

// Fetch implements app.Fetcher.
func (f *Fetcher) Fetch(ctx context.Context, url string, seen domain.Validators) (app.Fetched, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return app.Fetched{}, &app.FetchError{Why: "the URL is none that can be fetched"}
	}
	request.Header.Set("Accept", "text/calendar, */*;q=0.1")
	request.Header.Set("User-Agent", "Meridian")
	if seen.Etag != "" {
		request.Header.Set("If-None-Match", seen.Etag)
	}
	if seen.Modified != "" {
		request.Header.Set("If-Modified-Since", seen.Modified)
	}
	response, err := f.client.Do(request)
	if err != nil {
		return app.Fetched{}, failure(ctx, err)
	}
	defer response.Body.Close() //nolint:errcheck // it was read
	switch response.StatusCode {
	case http.StatusNotModified:
		if seen != (domain.Validators{}) {
			return app.Fetched{Unchanged: true, Seen: seen}, nil
		}
		return app.Fetched{}, &app.FetchError{Why: "the server answered 304 to what was not asked"}
	case http.StatusOK:
	default:
		return app.Fetched{}, &app.FetchError{Why: "the server answered " + strconv.Itoa(response.StatusCode)}
	}
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return app.Fetched{}, failure(ctx, err)
	}
	return app.Fetched{Content: content, Seen: domain.Validators{
		Etag: validator(response.Header.Get("ETag")), Modified: validator(response.Header.Get("Last-Modified")),
	}}, nil
}

// validator is a validator's value as it can be kept.
func validator(value string) string {
	if len(value) > longestValidator || domain.Storable(value, longestValidator) != value {
		return ""
	}
	return value
}

// failure says why nothing was fetched, in words for the member whose calendar it is.
func failure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("fetch a calendar: %w", ctx.Err())
	}
	why := "the server could not be reached, or broke off"
	if refused := egress.Refused(err); refused != nil {
		why = "the " + refused.Part + " " + refused.Rule
		if refused.Part == "body" {
			why = "the file must be at most " + strconv.Itoa(MaxBody) + " bytes"
		}
	} else if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		why = "the server did not answer in time"
	} else if name := (*net.DNSError)(nil); errors.As(err, &name) {
		why = "the host has no address"
	}
	return &app.FetchError{Why: why}
}
