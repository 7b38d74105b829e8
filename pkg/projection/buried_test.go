package projection

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/auth"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

// An event that cannot be read may have taken a right away: its workspace is asked for anew before the tables are
// called current again.
func TestAnUnreadableEventIsReplacedByASnapshot(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.model.grant(0, 0, directoryv1.SpaceAccess_WRITER)
	b.publish(t)
	p := b.start(t)
	b.requireRights(t)

	b.directory.fails(errDown)
	b.directory.with(func() { b.model.grant(0, 0, directoryv1.SpaceAccess_NONE) })
	b.publishAs(t, func(msg *nats.Msg) { msg.Data = []byte{0xff} })
	b.model.grant(1, 1, directoryv1.SpaceAccess_READER)
	b.publish(t)
	require.Eventually(t, func() bool {
		return right(t, b.db.App.For(b.model.workspace), b.model, 1, 1) == auth.Reader
	}, 30*time.Second, 5*time.Millisecond, "the others go on")
	require.False(t, p.confirm(t.Context()), "something may be missing")
	require.Zero(t, b.letters(t))

	b.directory.fails(nil)
	idle(t, p)
	b.requireRights(t)
	require.Equal(t, auth.NoRight, right(t, b.db.App.For(b.model.workspace), b.model, 0, 0), "revoked is gone")
	require.True(t, p.confirm(t.Context()))
	require.Equal(t, 1, b.letters(t))
	snapshots, _ := b.directory.counts()
	require.Equal(t, 2, snapshots)
}

// Which workspace an event is of may be unreadable too; then all are asked for anew.
func TestAnEventOfNoWorkspaceIsReplacedByASnapshotOfAll(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.start(t)
	b.directory.with(func() { b.model.grant(0, 0, directoryv1.SpaceAccess_READER) })
	b.publishAs(t, func(msg *nats.Msg) {
		msg.Subject = strings.Replace(msg.Subject, b.model.workspace.String(), "nowhere", 1)
	})
	idle(t, p)
	b.requireRights(t)
	require.Equal(t, 1, b.letters(t))
}

// An event that fails whenever it is tried keeps the tables unconfirmed, so it is not tried for long.
func TestAStubbornEventIsReplacedByASnapshotSoon(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.start(t)
	attempts := 1 + len(retryDelays())
	_, err := b.db.Owner.Pool().Exec(t.Context(), fmt.Sprintf(`
		CREATE SEQUENCE attempts;
		CREATE FUNCTION stubborn() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
		BEGIN
			IF nextval('threads.attempts') <= %d THEN RAISE 'not this one'; END IF;
			RETURN NEW;
		END $$;
		CREATE TRIGGER stubborn BEFORE INSERT ON space_grants FOR EACH ROW EXECUTE FUNCTION stubborn()`, attempts))
	require.NoError(t, err)
	b.directory.with(func() { b.model.grant(0, 0, directoryv1.SpaceAccess_READER) })
	b.publish(t)
	idle(t, p) // which does not wait for minutes
	b.requireRights(t)
	require.Equal(t, 1, b.letters(t))
	snapshots, _ := b.directory.counts()
	require.Equal(t, 2, snapshots)
}
