package eventbus_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/inbox"
	"github.com/meridianhq/meridian/pkg/postgres"
)

func ask(t *testing.T, h http.Handler, method, path string) (int, map[string]any) {
	t.Helper()
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), method, path, nil))
	var body map[string]any
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &body))
	return answer.Code, body
}

func TestTheAdminPortListsAndRedrives(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var mended atomic.Bool
	r := eventbus.NewRouter(b.config)
	eventbus.On(r, func(context.Context, event) error {
		if mended.Load() {
			return nil
		}
		return fault.DeniedFor("this")
	})
	run(t, r)
	dead := eventbus.NewDeadLetters(b.db.Owner, r)
	code, body := ask(t, dead, http.MethodGet, "/deadletters")
	require.Equal(t, http.StatusOK, code)
	require.Empty(t, body["dead_letters"])

	for range 3 {
		b.publish(t, encode(t.Context(), t, posted(uuid.New(), uuid.New(), 1)))
	}
	idle(t, r)
	_, body = ask(t, dead, http.MethodGet, "/deadletters?limit=2")
	listed, ok := body["dead_letters"].([]any)
	require.True(t, ok)
	require.Len(t, listed, 2)
	second, ok := listed[1].(map[string]any)
	require.True(t, ok)
	require.Equal(t, "PERMISSION_DENIED", second["reason"])
	require.NotContains(t, second, "payload")
	id, ok := second["id"].(string)
	require.True(t, ok)
	_, body = ask(t, dead, http.MethodGet, "/deadletters?after="+id)
	require.Len(t, body["dead_letters"], 1)

	code, body = ask(t, dead, http.MethodPost, "/deadletters/"+id+"/redrive")
	require.Equal(t, http.StatusInternalServerError, code)
	require.Equal(t, "PERMISSION_DENIED", body["reason"])
	mended.Store(true)
	code, body = ask(t, dead, http.MethodPost, "/deadletters/"+id+"/redrive")
	require.Equal(t, http.StatusOK, code, body)
	code, _ = ask(t, dead, http.MethodPost, "/deadletters/"+id+"/redrive")
	require.Equal(t, http.StatusNotFound, code)
	require.Len(t, b.dead(t), 2)

	for _, path := range []string{"/deadletters?after=x", "/deadletters?limit=x"} {
		code, _ = ask(t, dead, http.MethodGet, path)
		require.Equal(t, http.StatusBadRequest, code, path)
	}
	code, _ = ask(t, dead, http.MethodPost, "/deadletters/x/redrive")
	require.Equal(t, http.StatusBadRequest, code)

	stranger := eventbus.NewDeadLetters(b.db.Owner)
	code, body = ask(t, stranger, http.MethodPost, "/deadletters/"+b.dead(t)[0].ID.String()+"/redrive")
	require.Equal(t, http.StatusConflict, code)
	require.Equal(t, eventbus.ReasonConsumerUnknown, body["reason"])
}

func TestRedrivenTwiceAtOnceHasOneEffect(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.config.Delays = []time.Duration{}
	var mended atomic.Bool
	var effects atomic.Int32
	r := eventbus.NewRouter(b.config)
	eventbus.On(r, func(ctx context.Context, e event) error {
		return b.db.App.InTx(ctx, e.Workspace, func(ctx context.Context, tx *postgres.Tx) error {
			fresh, err := inbox.Claim(ctx, tx)
			if err != nil || !fresh {
				return err
			}
			if !mended.Load() {
				return errors.New("not yet") //nolint:err113 // Any error.
			}
			tx.AfterCommit(func() { effects.Add(1) })
			return nil
		})
	})
	run(t, r)
	b.publish(t, encode(t.Context(), t, posted(uuid.New(), uuid.New(), 1)))
	idle(t, r)
	letters := b.dead(t)
	require.Len(t, letters, 1)
	mended.Store(true)
	dead := eventbus.NewDeadLetters(b.db.Owner, r)
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() { _ = dead.Redrive(t.Context(), letters[0].ID) })
	}
	both.Wait()
	require.EqualValues(t, 1, effects.Load())
	require.Empty(t, b.dead(t))
}

func TestDeadLettersAreUnderRowLevelSecurity(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := eventbus.NewRouter(b.config)
	eventbus.On(r, func(context.Context, event) error { return fault.DeniedFor("this") })
	run(t, r)
	ws := uuid.New()
	b.publish(t, encode(t.Context(), t, posted(ws, uuid.New(), 1)))
	idle(t, r)
	var mine, others int
	const count = "SELECT count(*) FROM dead_letters"
	require.NoError(t, b.db.App.For(ws).QueryRow(t.Context(), count).Scan(&mine))
	require.NoError(t, b.db.App.For(uuid.New()).QueryRow(t.Context(), count).Scan(&others))
	require.Equal(t, 1, mine)
	require.Zero(t, others)
}
