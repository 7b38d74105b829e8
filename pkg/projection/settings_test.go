package projection

import (
	"io/fs"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/pgtest"
	"github.com/meridianhq/meridian/pkg/postgres"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

// settingsRow is a workspace's row in words.
func settingsRow(t *testing.T, db postgres.DBTX, workspace uuid.UUID) (words string) {
	t.Helper()
	err := db.QueryRow(t.Context(), `
		SELECT display_name || ' ' || time_zone || ' ' || urgent_role || ' ' || low_seconds || ' ' || normal_seconds || ' ' ||
			high_seconds || ' ' || urgent_seconds || ' v' || version
		FROM workspaces WHERE workspace_id = $1`, workspace).Scan(&words)
	require.NoError(t, err)
	return words
}

func email(t *testing.T, db postgres.DBTX, m *model, member int) (address string) {
	t.Helper()
	err := db.QueryRow(t.Context(), `SELECT email FROM members WHERE workspace_id = $1 AND member_id = $2`,
		m.workspace, m.id("members", member)).Scan(&address)
	require.NoError(t, err)
	return address
}

func manager(t *testing.T, db postgres.DBTX, m *model, member int) (id uuid.UUID) {
	t.Helper()
	err := db.QueryRow(t.Context(), `SELECT manager_id FROM members WHERE workspace_id = $1 AND member_id = $2`,
		m.workspace, m.id("members", member)).Scan(&id)
	require.NoError(t, err)
	return id
}

func TestManagersAreFilledAndFollowed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.model.members[1].Manager = b.model.name("members", 0)
	p := b.start(t)
	app := b.db.App.For(b.model.workspace)
	require.Equal(t, b.model.id("members", 0), manager(t, app, b.model, 1))
	require.Equal(t, uuid.Nil, manager(t, app, b.model, 0), "nobody")
	b.model.members[0].Manager, b.model.members[1].Manager = b.model.name("members", 1), ""
	b.model.touchMember(0, &directoryv1.MemberUpdated{})
	b.model.touchMember(1, &directoryv1.MemberUpdated{})
	b.publish(t)
	idle(t, p)
	require.Equal(t, b.model.id("members", 1), manager(t, app, b.model, 0))
	require.Equal(t, uuid.Nil, manager(t, app, b.model, 1))
}

func TestSettingsAndAddressesAreFilledAndFollowed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.start(t)
	app := b.db.App.For(b.model.workspace)
	require.Equal(t, "Relay UTC 2 144000 86400 14400 3600 v1", settingsRow(t, app, b.model.workspace), "with defaults")
	require.Equal(t, "m0@example.org", email(t, app, b.model, 0))

	b.model.set(directoryv1.Member_ADMIN, 90*time.Minute)
	b.model.setEmail(0, "new@example.org")
	b.publish(t)
	idle(t, p)
	require.Equal(t, "Relay UTC 3 144000 5400 14400 3600 v2", settingsRow(t, app, b.model.workspace))
	require.Equal(t, "new@example.org", email(t, app, b.model, 0))

	b.directory.with(func() { b.model.set(directoryv1.Member_OWNER, time.Hour) }) // its event is still on its way
	require.NoError(t, p.Confirm(t.Context(), b.model.workspace, b.model.id("members", 0), uuid.Nil))
	require.Equal(t, "Relay UTC 4 144000 3600 14400 3600 v3", settingsRow(t, app, b.model.workspace), "also by an answer")
}

// A directory from before there were settings says nothing of them, one from after may name a role that is not known.
func TestSettingsThatAreNotSaidOrNotKnown(t *testing.T) {
	t.Parallel()
	db := newDB(t)
	m := newModel(uuid.New(), 1)
	m.settings.UrgentRole, m.settings.ResponseWindows = directoryv1.Member_ROLE_UNSPECIFIED, nil
	m.touchWorkspace(&directoryv1.WorkspaceUpdated{})
	applyAll(t, db.App, m.workspace, m.events)
	require.Equal(t, "Relay UTC 2 144000 86400 14400 3600 v2", settingsRow(t, db.App.For(m.workspace), m.workspace))

	m.settings.UrgentRole = 99
	m.settings.ResponseWindows = &directoryv1.ResponseWindows{Low: durationpb.New(-time.Hour), Urgent: durationpb.New(0)}
	m.touchWorkspace(&directoryv1.WorkspaceUpdated{})
	applyAll(t, db.App, m.workspace, m.events)
	require.Equal(t, "Relay UTC 4 144000 86400 14400 3600 v3", settingsRow(t, db.App.For(m.workspace), m.workspace),
		"nobody but the highest is let through")
}

// older is the projection's first migration alone.
func older(t *testing.T) postgres.Set {
	t.Helper()
	const first = "00001_projection.sql"
	text, err := fs.ReadFile(Set().FS, first)
	require.NoError(t, err)
	return postgres.Set{Name: Set().Name, FS: fstest.MapFS{first: &fstest.MapFile{Data: text}}}
}

// outgrown is a bundle whose database and consumer are those that a process of before left, current and all: members
// without an address, no workspace, and a consumer that follows neither.
func outgrown(t *testing.T) *bundle {
	t.Helper()
	b := setup(t)
	b.db = pgtest.New(t, "threads", older(t), eventbus.Set())
	for i, m := range b.model.members {
		_, err := b.db.Owner.Pool().Exec(t.Context(), `
			INSERT INTO members (workspace_id, member_id, display_name, handle, time_zone, role, state, kind, version)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, b.model.workspace, b.model.id("members", i), m.GetDisplayName(),
			m.GetHandle(), m.GetTimeZone(), int16(m.GetRole()), int16(m.GetState()), int16(m.GetKind()), m.GetVersion())
		require.NoError(t, err)
	}
	_, err := b.js.CreateConsumer(t.Context(), eventbus.Stream, jetstream.ConsumerConfig{
		Durable: "threads_projection", AckPolicy: jetstream.AckExplicitPolicy, MaxDeliver: -1,
		FilterSubjects: []string{"evt.*.directory.member.updated", "evt.*.directory.space.updated"},
	})
	require.NoError(t, err)
	b.markAsBefore(t)
	require.NoError(t, postgres.Migrate(t.Context(), b.db.OwnerURL, Set(), eventbus.Set()))
	return b
}

// markAsBefore writes that the tables are filled, as a process of before does.
func (b *bundle) markAsBefore(t *testing.T) {
	t.Helper()
	stream, err := b.js.Stream(t.Context(), eventbus.Stream)
	require.NoError(t, err)
	info := stream.CachedInfo()
	_, err = b.db.Owner.Pool().Exec(t.Context(), `
		INSERT INTO projection_state AS have (stream_created, sequence) VALUES ($1, $2)
		ON CONFLICT (one) DO UPDATE SET stream_created = excluded.stream_created, sequence = excluded.sequence`,
		info.Created, int64(info.State.LastSeq))
	require.NoError(t, err)
}

// Tables that were filled when less was kept are filled again, and what is at the same version is completed.
func TestAnUpgradeFillsWhatIsNewlyKept(t *testing.T) {
	t.Parallel()
	b := outgrown(t)
	b.model.members[1].Manager = b.model.name("members", 0)
	app := b.db.App.For(b.model.workspace)
	require.Empty(t, email(t, app, b.model, 0))

	p := b.start(t)
	require.Equal(t, b.model.id("members", 0), manager(t, app, b.model, 1))
	require.Equal(t, "m0@example.org", email(t, app, b.model, 0))
	require.Equal(t, "m1@example.org", email(t, app, b.model, 1))
	require.Equal(t, "Relay UTC 2 144000 86400 14400 3600 v1", settingsRow(t, app, b.model.workspace))
	b.requireRights(t)
	snapshots, _ := b.directory.counts()
	require.Equal(t, 1, snapshots)

	b.model.set(directoryv1.Member_ADMIN, time.Hour)
	b.publish(t)
	idle(t, p)
	require.Equal(t, "Relay UTC 3 144000 3600 14400 3600 v2", settingsRow(t, app, b.model.workspace), "its consumer follows them now")
	b.stop(t, p)
	b.stop(t, b.start(t))
	snapshots, _ = b.directory.counts()
	require.Equal(t, 1, snapshots, "once")
}

// While replicas of before still run they write rows without an address, and that all is filled.
func TestAnUpgradeBearsReplicasOfBefore(t *testing.T) {
	t.Parallel()
	b := outgrown(t)
	b.model.setMember(0, directoryv1.Member_ADMIN, directoryv1.Member_ACTIVE)
	b.publish(t)
	_, err := b.db.Owner.Pool().Exec(t.Context(), `UPDATE members SET role = 3, version = version + 1 WHERE member_id = $1`,
		b.model.id("members", 0))
	require.NoError(t, err)
	b.markAsBefore(t)

	b.start(t)
	app := b.db.App.For(b.model.workspace)
	require.Equal(t, "m0@example.org", email(t, app, b.model, 0))
	require.Equal(t, "Relay UTC 2 144000 86400 14400 3600 v1", settingsRow(t, app, b.model.workspace))
}

// What changes after the snapshot has read it comes as an event, although the consumer of before did not follow it.
func TestAnUpgradeLosesNoChangeDuringTheSnapshot(t *testing.T) {
	t.Parallel()
	b := outgrown(t)
	pages := 0
	b.directory.onPage = func() {
		if pages++; pages != 2 { // the workspace's row is on the first
			return
		}
		b.directory.with(func() { b.model.set(directoryv1.Member_GUEST, 2*time.Hour) })
		b.publish(t)
		b.skipWhatItDoesNotFollow(t)
	}
	p := b.start(t)
	idle(t, p)
	require.Equal(t, "Relay UTC 1 144000 7200 14400 3600 v2", settingsRow(t, b.db.App.For(b.model.workspace), b.model.workspace))
}

// skipWhatItDoesNotFollow asks the consumer for an event, so that it passes over all up to the stream's end that it does
// not follow. What it does follow is given back.
func (b *bundle) skipWhatItDoesNotFollow(t *testing.T) {
	t.Helper()
	consumer, err := b.js.Consumer(t.Context(), eventbus.Stream, "threads_projection")
	require.NoError(t, err)
	batch, err := consumer.Fetch(1, jetstream.FetchMaxWait(50*time.Millisecond))
	require.NoError(t, err)
	for msg := range batch.Messages() {
		require.NoError(t, msg.Nak())
	}
}
