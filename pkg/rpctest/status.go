package rpctest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Failed requires that err is a status with the code and that its ErrorInfo has the reason. It returns the status.
func Failed(tb testing.TB, err error, code codes.Code, reason string) *status.Status {
	tb.Helper()
	require.Error(tb, err)
	s, ok := status.FromError(err)
	require.True(tb, ok, "not a status: %v", err)
	require.Equal(tb, code.String(), s.Code().String(), "the code of: %v", err)
	info, ok := Detail[*errdetails.ErrorInfo](s)
	require.True(tb, ok, "no ErrorInfo in: %v", err)
	require.Equal(tb, reason, info.GetReason(), "the reason of: %v", err)
	require.True(tb, strings.HasSuffix(info.GetDomain(), ".meridian"), "the domain %q", info.GetDomain())
	return s
}

// FailedField is Failed for INVALID_ARGUMENT, and requires that the BadRequest names the field.
func FailedField(tb testing.TB, err error, reason, field string) *status.Status {
	tb.Helper()
	s := Failed(tb, err, codes.InvalidArgument, reason)
	require.Contains(tb, Fields(s), field, "the wrong fields of: %v", err)
	return s
}

// Fields returns the paths of the fields that a status says are wrong.
func Fields(s *status.Status) []string {
	bad, _ := Detail[*errdetails.BadRequest](s)
	paths := make([]string, 0, len(bad.GetFieldViolations()))
	for _, v := range bad.GetFieldViolations() {
		paths = append(paths, v.GetField())
	}
	return paths
}

// Detail returns the status's detail of a type.
func Detail[T any](s *status.Status) (T, bool) {
	for _, d := range s.Details() {
		if d, ok := d.(T); ok {
			return d, true
		}
	}
	var none T
	return none, false
}
