package fault_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/fault"
)

func TestFrom(t *testing.T) {
	t.Parallel()
	require.Nil(t, fault.From(nil))

	missing := fault.NotFoundName("workspaces/w")
	require.Same(t, missing, fault.From(missing))
	require.Same(t, missing, fault.From(fmt.Errorf("load: %w", missing)))
	require.Same(t, missing, fault.From(errors.Join(context.Canceled, missing)))

	unknown := fault.From(errors.New("pq: password=hunter2"))
	require.Equal(t, fault.Internal, unknown.Kind)
	require.Equal(t, fault.ReasonInternal, unknown.Reason)
	require.NotContains(t, unknown.Message, "hunter2", "what is sent is neutral")
	require.ErrorContains(t, unknown, "hunter2", "what is logged is whole")
	require.ErrorIs(t, fault.From(context.Canceled), context.Canceled)
}

func TestCopiesLeaveTheOriginal(t *testing.T) {
	t.Parallel()
	base := fault.New(fault.Precondition, "THREAD_ARCHIVED", "the thread is archived")
	full := base.With("name", "n").WithField("f", "r").WithPrecondition("STATE", "n", "must be open").
		WithRetryAfter(time.Second).Wrap(context.DeadlineExceeded)

	require.Equal(t, fault.New(fault.Precondition, "THREAD_ARCHIVED", "the thread is archived"), base)
	require.Equal(t, map[string]string{"name": "n"}, full.Metadata)
	require.Equal(t, []fault.Field{{Path: "f", Rule: "r"}}, full.Fields)
	require.Equal(t, []fault.Unmet{{Type: "STATE", Subject: "n", Description: "must be open"}}, full.Preconditions)
	require.Equal(t, time.Second, full.RetryAfter)
	require.ErrorIs(t, full, context.DeadlineExceeded)

	other := full.With("name", "m").WithField("g", "s")
	require.Equal(t, "n", full.Metadata["name"])
	require.Len(t, full.Fields, 1)
	require.Len(t, other.Fields, 2)
}

func TestMakers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err    *fault.Error
		kind   fault.Kind
		reason string
		text   string
	}{
		{
			fault.InvalidField("thread.title", "must not be empty"), fault.Invalid, fault.ReasonFieldInvalid,
			"FIELD_INVALID: thread.title: must not be empty",
		},
		{
			fault.NotFoundName("x/1"), fault.NotFound, fault.ReasonResourceNotFound,
			"RESOURCE_NOT_FOUND: x/1 was not found",
		},
		{
			fault.DeniedFor("write"), fault.Denied, fault.ReasonPermissionDenied,
			"PERMISSION_DENIED: the caller has no right to write",
		},
	} {
		require.EqualError(t, tt.err, tt.text)
		wrapped := fmt.Errorf("use case: %w", tt.err)
		require.True(t, fault.Is(wrapped, tt.kind))
		require.True(t, fault.HasReason(wrapped, tt.reason))
		require.False(t, fault.Is(wrapped, fault.Aborted))
		require.False(t, fault.HasReason(wrapped, fault.ReasonEtagStale))
	}
	require.False(t, fault.Is(nil, fault.Internal))
	require.False(t, fault.HasReason(nil, ""))
}

func TestKindString(t *testing.T) {
	t.Parallel()
	word := regexp.MustCompile(`^[A-Z][A-Za-z]+$`)
	for k := fault.Internal; k <= fault.Unavailable; k++ {
		require.Regexp(t, word, k.String())
	}
	require.Equal(t, "Kind(99)", fault.Kind(99).String())
	require.Equal(t, "Kind(-1)", fault.Kind(-1).String())
}
