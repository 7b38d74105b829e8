package e2e

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
)

// refusal is what an error says of itself beside its code.
type refusal struct {
	reason, domain string
	metadata       map[string]string
	fields         []string
}

func refusalOf(st *status.Status) refusal {
	var r refusal
	for _, detail := range st.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			r.reason, r.domain, r.metadata = d.GetReason(), d.GetDomain(), d.GetMetadata()
		case *errdetails.BadRequest:
			for _, violation := range d.GetFieldViolations() {
				r.fields = append(r.fields, violation.GetField())
			}
		}
	}
	return r
}

// requireRefusal checks that an error carries its reason, its domain and, where one is to be named, the field.
func requireRefusal(t *testing.T, err error, reason, field string, about ...any) refusal {
	t.Helper()
	st, ok := status.FromError(err)
	require.True(t, ok, "%v", err)
	r := refusalOf(st)
	require.Equal(t, reason, r.reason, append([]any{"%v: %v", err, about}, about...)...)
	require.Contains(t, []string{"directory", "availability", "threads", "tasks", "notifications", "gateway"}, strings.TrimSuffix(r.domain, ".meridian"))
	if field != "" {
		require.Contains(t, r.fields, field, "%v: %v", err, about)
	}
	return r
}

// refused is the error in an HTTP answer.
func (a answer) refused(t *testing.T) error {
	t.Helper()
	require.Equal(t, "application/json", a.header.Get("Content-Type"), "%s", a.body)
	var st spb.Status
	require.NoError(t, protojson.Unmarshal(a.body, &st), "%s", a.body)
	return status.ErrorProto(&st)
}

// sendWith is send with headers, given as names and values in turn.
func sendWith(t *testing.T, method, url, token string, body []byte, headers ...string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return answer{code: response.StatusCode, header: response.Header, body: data}
}
