package rpcserver_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/replay"
	"github.com/meridianhq/meridian/pkg/rpcserver"
	"github.com/meridianhq/meridian/pkg/rpctest"
	"github.com/meridianhq/meridian/pkg/rpctest/probe"
)

func (b *bench) create(thing, requestID string) string {
	return fmt.Sprintf(`{"parent":"workspaces/%s","thing":%s,"requestId":%q}`, b.workspace, thing, requestID)
}

func TestEveryBrokenRuleIsNamedWithItsPath(t *testing.T) {
	t.Parallel()
	b := newBench(t, rpcserver.Config{}, rpcserver.Deps{})
	long := `{"title":"longer than ten"}`
	request := b.create(`{"title":"longer than ten","children":[{"title":"fine"},`+long+`],"parts":{"7":`+long+`},"nested":`+long+`}`,
		"not a uuid")
	s := rpctest.FailedField(t, b.invoke(b.as(t, auth.Member), "CreateThing", request), fault.ReasonFieldInvalid, "thing.title")
	require.ElementsMatch(t, []string{
		"thing.title", "thing.children[1].title", "thing.parts[7].title", "thing.nested.title", "request_id",
	}, rpctest.Fields(s))
	bad, _ := rpctest.Detail[*errdetails.BadRequest](s)
	for _, v := range bad.GetFieldViolations() {
		require.NotEmpty(t, v.GetDescription())
		require.Equal(t, fault.ReasonFieldInvalid, v.GetReason())
		require.NotContains(t, v.GetDescription(), "longer than ten", "values are not repeated")
	}
	require.Contains(t, s.Message(), "thing.title: ")

	request = fmt.Sprintf(`{"parent":"workspaces/%s"}`, b.workspace)
	rpctest.FailedField(t, b.invoke(b.as(t, auth.Member), "CreateThing", request), fault.ReasonFieldInvalid, "thing")
	require.Zero(t, b.calls())
}

func TestNULIsFoundWhereverItHides(t *testing.T) {
	t.Parallel()
	b := newBench(t, rpcserver.Config{}, rpcserver.Deps{})
	ctx := b.as(t, auth.Member)
	for thing, path := range map[string]string{
		`{"title":"a\u0000"}`:                                    "thing.title",
		`{"tags":["a","\u0000"]}`:                                "thing.tags[1]",
		`{"labels":{"a":"\u0000"}}`:                              `thing.labels["a"]`,
		`{"labels":{"a\u0000":"b"}}`:                             `thing.labels["a\x00"]`,
		`{"parts":{"3":{"title":"\u0000"}}}`:                     "thing.parts[3].title",
		`{"children":[{},{"nested":{"note":"\u0000"}}]}`:         "thing.children[1].nested.note",
		`{"nested":{"nested":{"nested":{"tags":["x\u0000x"]}}}}`: "thing.nested.nested.nested.tags[0]",
	} {
		err := b.invoke(ctx, "CreateThing", b.create(thing, ""))
		s := rpctest.FailedField(t, err, fault.ReasonFieldInvalid, path)
		require.Contains(t, s.Message(), "U+0000")
	}
	rpctest.FailedField(t, b.invoke(t.Context(), "Greet", `{"text":"\u0000"}`), fault.ReasonFieldInvalid, "text")
	require.Zero(t, b.calls())
	require.NoError(t, b.invoke(ctx, "CreateThing", b.create(`{"raw":"AAAA","title":"fine","pause":"3s","count":"0"}`, "")),
		"zero bytes outside strings are nobody's business")
}

// keyed returns the key that a call leads to.
func (b *bench) keyed(t *testing.T, ctx context.Context, method, request string) (replay.Key, bool) { //nolint:revive // t first
	t.Helper()
	var key replay.Key
	var found bool
	b.on(func(ctx context.Context, _ probe.Call) error {
		key, found = replay.FromContext(ctx)
		return nil
	})
	require.NoError(t, b.invoke(ctx, method, request))
	return key, found
}

func TestARequestIDBecomesTheCallsKey(t *testing.T) {
	t.Parallel()
	b := newBench(t, rpcserver.Config{}, rpcserver.Deps{})
	c := rpctest.Member(b.workspace, auth.Member)
	ctx := b.authority.As(t, t.Context(), c)
	id := uuid.New()

	_, found := b.keyed(t, ctx, "CreateThing", b.create(`{}`, ""))
	require.False(t, found, "without an id there is no key")
	key, found := b.keyed(t, ctx, "CreateThing", b.create(`{"title":"a"}`, id.String()))
	require.True(t, found)
	bare, err := proto.MarshalOptions{Deterministic: true}.Marshal(
		probe.Message("CreateThingRequest", b.create(`{"title":"a"}`, "")))
	require.NoError(t, err)
	sum := sha256.Sum256(bare)
	require.Equal(t, replay.Key{
		Workspace: b.workspace, Principal: c.Principal(), Method: probe.Method("CreateThing"), RequestID: id, Hash: sum[:],
	}, key)

	again, _ := b.keyed(t, ctx, "CreateThing", b.create(`{"title":"a"}`, id.String()))
	require.Equal(t, key, again)
	other, _ := b.keyed(t, ctx, "CreateThing", b.create(`{"title":"b"}`, id.String()))
	require.NotEqual(t, key.Hash, other.Hash, "another body has another hash")
	otherID, _ := b.keyed(t, ctx, "CreateThing", b.create(`{"title":"a"}`, uuid.NewString()))
	require.Equal(t, key.Hash, otherID.Hash, "the id itself is not hashed")
}

func TestTheHandlerStillSeesTheRequestID(t *testing.T) {
	t.Parallel()
	b := newBench(t, rpcserver.Config{}, rpcserver.Deps{})
	id := uuid.NewString()
	b.on(func(_ context.Context, c probe.Call) error {
		if !strings.Contains(probe.JSON(c.Request), id) {
			return errors.New("it is gone")
		}
		return nil
	})
	require.NoError(t, b.invoke(b.as(t, auth.Member), "CreateThing", b.create(`{}`, id)))
}

func TestHashesDoNotDependOnTheOrderOfMaps(t *testing.T) {
	t.Parallel()
	b := newBench(t, rpcserver.Config{}, rpcserver.Deps{})
	ctx, id := b.as(t, auth.Member), uuid.NewString()
	thing := `{"labels":{"a":"1","b":"2","c":"3","d":"4","e":"5"}}`
	first, _ := b.keyed(t, ctx, "CreateThing", b.create(thing, id))
	for range 10 {
		next, _ := b.keyed(t, ctx, "CreateThing", b.create(thing, id))
		require.Equal(t, first.Hash, next.Hash)
	}
}

func TestTheIdempotencyKeyOfTheMetadataStandsIn(t *testing.T) {
	t.Parallel()
	b := newBench(t, rpcserver.Config{}, rpcserver.Deps{})
	id := uuid.New()
	ctx := metadata.AppendToOutgoingContext(b.as(t, auth.Member), "idempotency-key", id.String())

	fromMetadata, found := b.keyed(t, ctx, "CreateThing", b.create(`{}`, ""))
	require.True(t, found)
	require.Equal(t, id, fromMetadata.RequestID)
	fromBoth, _ := b.keyed(t, ctx, "CreateThing", b.create(`{}`, id.String()))
	require.Equal(t, fromMetadata, fromBoth)
	rpctest.FailedField(t, b.invoke(ctx, "CreateThing", b.create(`{}`, uuid.NewString())),
		fault.ReasonFieldInvalid, "request_id")
	_, found = b.keyed(t, ctx, "CountThings", `{}`)
	require.False(t, found, "a method without request_id has no key")

	for _, bad := range []string{"x", uuid.Nil.String(), "{" + id.String() + "}", "urn:uuid:" + id.String()} {
		ctx := metadata.AppendToOutgoingContext(b.as(t, auth.Member), "idempotency-key", bad)
		rpctest.FailedField(t, b.invoke(ctx, "CreateThing", b.create(`{}`, "")), fault.ReasonFieldInvalid, "request_id")
	}
	rpctest.FailedField(t, b.invoke(b.as(t, auth.Admin), "UpdateThing",
		`{"thing":`+field("name", b.thing())+`,"requestId":"17"}`), fault.ReasonFieldInvalid, "request_id")
}

func TestKeysOfServicesBelongToTheWorkspaceOfTheName(t *testing.T) {
	t.Parallel()
	b := newBench(t, rpcserver.Config{}, rpcserver.Deps{})
	ctx, id := b.authority.AsService(t, t.Context(), "threads"), uuid.New()
	key, found := b.keyed(t, ctx, "SyncThings", fmt.Sprintf(`{"name":%q,"requestId":%q}`, b.thing(), id))
	require.True(t, found)
	require.Equal(t, b.workspace, key.Workspace)
	require.Equal(t, "services/threads", key.Principal)
	_, found = b.keyed(t, t.Context(), "Greet", fmt.Sprintf(`{"requestId":%q}`, id))
	require.False(t, found, "where nobody is known, nothing is kept")
}

func TestDeadlines(t *testing.T) {
	t.Parallel()
	left := func(t *testing.T, cfg rpcserver.Config, within time.Duration) (d time.Duration, has bool) {
		t.Helper()
		b := newBench(t, cfg, rpcserver.Deps{})
		b.on(func(ctx context.Context, _ probe.Call) error {
			at, ok := ctx.Deadline()
			d, has = at.Sub(clock.Machine().Now()), ok
			return nil
		})
		ctx := b.as(t, auth.Guest)
		if within > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, within)
			defer cancel()
		}
		require.NoError(t, b.invoke(ctx, "CountThings", `{}`))
		return d, has
	}
	gateway := rpcserver.Config{Options: rpcserver.Options{DefaultDeadline: 10 * time.Second}}

	_, has := left(t, rpcserver.Config{}, 0)
	require.False(t, has, "a service gives none of its own")
	d, has := left(t, gateway, 0)
	require.True(t, has)
	require.InDelta(t, 10, d.Seconds(), 1)
	d, _ = left(t, gateway, time.Hour)
	require.Less(t, d, time.Hour-4*time.Millisecond, "the way back is taken off")
	require.Greater(t, d, time.Hour-10*time.Second)
}

func TestTooShortADeadlineIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, rpcserver.Config{}, rpcserver.Deps{})
	// The client's own context must outlive the server's, so the timeout is put on the wire by hand.
	wire := dialRaw(t, b.server.Addr())
	for timeout, refused := range map[string]bool{"0m": true, "1m": true, "15m": true, "20S": false} {
		status := wire.call(t, probe.Method("CountThings"), b.authority.Token(t, rpctest.Member(b.workspace, auth.Guest)), timeout)
		if !refused {
			require.Equal(t, codes.OK, status.Code())
			continue
		}
		require.Equal(t, codes.DeadlineExceeded, status.Code(), timeout)
		if timeout != "0m" { // the transport itself answers that one
			rpctest.Failed(t, status.Err(), codes.DeadlineExceeded, fault.ReasonDeadlineTooShort)
		}
	}
	require.Equal(t, 1, b.calls())
}
