package edge

import (
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Unimplemented is the error for a method that is not served here. No fault is of this kind: services have what
// they declare.
func Unimplemented(reason, message string, metadata map[string]string) error {
	refusal := status.New(codes.Unimplemented, message)
	detailed, err := refusal.WithDetails(&errdetails.ErrorInfo{
		Reason: reason, Domain: "gateway.meridian", Metadata: metadata,
	})
	if err != nil { // only for what cannot be marshalled
		return refusal.Err()
	}
	return detailed.Err()
}
