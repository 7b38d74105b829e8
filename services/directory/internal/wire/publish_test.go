package wire_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/eventbus"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	"github.com/meridianhq/meridian/services/directory/internal/domain"
	"github.com/meridianhq/meridian/services/directory/internal/wire"
)

// Every fact has its published form, under the subject that its option says, and comes back as it went.
func TestEveryFactIsPublished(t *testing.T) {
	t.Parallel()
	ws, id := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	workspace := domain.Workspace{ID: ws, Version: 3}
	member := domain.Member{Workspace: ws, ID: id, Version: 3, Role: domain.Admin, State: domain.Active, Kind: domain.Person}
	team := domain.Team{Workspace: ws, ID: id, Version: 3}
	space := domain.Space{Workspace: ws, ID: id, Version: 3, Visibility: domain.Private}
	token := domain.Token{Workspace: ws, Member: id, ID: id, Version: 3, Hash: []byte("hash")}
	for verb, fact := range map[string]domain.Event{
		"evt.*.directory.workspace.created":    domain.WorkspaceCreated{Workspace: workspace},
		"evt.*.directory.workspace.restored":   domain.WorkspaceRestored{Workspace: workspace},
		"evt.*.directory.workspace.updated":    domain.WorkspaceUpdated{Workspace: workspace, Changed: []string{"time_zone"}},
		"evt.*.directory.member.invited":       domain.MemberInvited{Member: member},
		"evt.*.directory.member.activated":     domain.MemberActivated{Member: member},
		"evt.*.directory.member.updated":       domain.MemberUpdated{Member: member, Changed: []string{"role"}},
		"evt.*.directory.member.deactivated":   domain.MemberDeactivated{Member: member},
		"evt.*.directory.team.created":         domain.TeamCreated{Team: team},
		"evt.*.directory.team.updated":         domain.TeamUpdated{Team: team},
		"evt.*.directory.team.deleted":         domain.TeamDeleted{Team: team},
		"evt.*.directory.team.members_changed": domain.TeamMembersChanged{Team: team, Changes: []domain.TeamMember{{Workspace: ws, Team: id, Member: id, Version: 3}}},
		"evt.*.directory.space.created":        domain.SpaceCreated{Space: space},
		"evt.*.directory.space.updated":        domain.SpaceUpdated{Space: space},
		"evt.*.directory.space.access_changed": domain.SpaceAccessChanged{Space: space, Changes: []domain.SpaceAccess{{Workspace: ws, Space: id, Principal: id, Version: 3}}},
		"own.*.directory.token.created":        domain.TokenCreated{Token: token},
		"own.*.directory.token.revoked":        domain.TokenRevoked{Token: token},
		"own.*.directory.audit.recorded":       domain.AuditRecorded{Audit: domain.Audit{Workspace: ws, ID: id}},
	} {
		msg, err := wire.Encoder("meridian.test")(t.Context(), "services/meridian", at, fact)
		require.NoError(t, err, verb)
		header := nats.Header{}
		for k, v := range msg.Headers {
			header[k] = []string{v}
		}
		meta, payload, err := eventbus.Decode(header, msg.Subject, msg.Payload)
		require.NoError(t, err, verb)
		d, ok := eventbus.Lookup(meta.Type)
		require.True(t, ok)
		require.Equal(t, verb, d.Filter())
		require.Equal(t, ws, meta.Workspace)
		require.True(t, at.Equal(meta.Time))
		require.Equal(t, "//meridian.test/workspaces/"+ws.String()+"/directory", meta.Source)
		if revoked, ok := payload.(*directoryv1.TokenRevoked); ok {
			require.Equal(t, id.String(), revoked.GetApiToken().GetUid())
			require.NotContains(t, string(msg.Payload), "hash")
		}
	}
}

// A change of five hundred rights, the most that one call takes, fits into an event.
func TestTheLargestChangeFits(t *testing.T) {
	t.Parallel()
	ws := uuid.Must(uuid.NewV7())
	space := domain.Space{Workspace: ws, ID: uuid.Must(uuid.NewV7()), Version: 1 << 40}
	changes := make([]domain.SpaceAccess, 500)
	for i := range changes {
		changes[i] = domain.SpaceAccess{Workspace: ws, Space: space.ID, Principal: uuid.Must(uuid.NewV7()), Right: domain.Manager, Version: 1 << 40}
	}
	msg, err := wire.Encoder("h")(t.Context(), "services/meridian", time.Unix(0, 0), domain.SpaceAccessChanged{Space: space, Changes: changes})
	require.NoError(t, err)
	require.Less(t, len(msg.Payload), 150<<10)
}
