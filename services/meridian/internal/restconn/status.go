package restconn

import (
	"net/http"
	"strings"

	// The details of errors are decoded by name, so their types must be linked in.
	_ "google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
)

// statusOf reads an error's body, a google.rpc.Status in JSON. What stands between us and the gateway may answer
// something else; then the HTTP code says what it was.
func statusOf(code int, body []byte) error {
	var s spb.Status
	unmarshal := protojson.UnmarshalOptions{DiscardUnknown: true}
	if err := unmarshal.Unmarshal(body, &s); err == nil && s.GetCode() != 0 {
		return status.ErrorProto(&s)
	}
	text := strings.TrimSpace(string(body))
	if text == "" || len(text) > 300 || strings.HasPrefix(text, "<") {
		text = http.StatusText(code)
	}
	return status.Errorf(codeOf(code), "HTTP %d: %s", code, text)
}

func codeOf(code int) codes.Code {
	switch code {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return codes.InvalidArgument
	case http.StatusUnauthorized:
		return codes.Unauthenticated
	case http.StatusForbidden:
		return codes.PermissionDenied
	case http.StatusNotFound:
		return codes.NotFound
	case http.StatusConflict:
		return codes.Aborted
	case http.StatusTooManyRequests:
		return codes.ResourceExhausted
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return codes.Unavailable
	default:
		return codes.Unknown
	}
}
