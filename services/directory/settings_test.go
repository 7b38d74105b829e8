package directory_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/meridianhq/meridian/pkg/rpctest"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

// windows are response windows in hours.
func windows(low, normal, high, urgent float64) *directoryv1.ResponseWindows {
	hours := func(n float64) *durationpb.Duration { return durationpb.New(time.Duration(n * float64(time.Hour))) }
	return &directoryv1.ResponseWindows{Low: hours(low), Normal: hours(normal), High: hours(high), Urgent: hours(urgent)}
}

func requireWindows(t *testing.T, want, got *directoryv1.ResponseWindows) {
	t.Helper()
	require.True(t, proto.Equal(want, got), "want %v, got %v", want, got)
}

// set changes settings as the owner; no mask where no path is named.
func (w *tenant) set(t *testing.T, wanted *directoryv1.Workspace, mask ...string) *directoryv1.Workspace {
	t.Helper()
	wanted.Name = w.GetName()
	got, err := w.h.workspaces.UpdateWorkspace(w.owner.ctx, &directoryv1.UpdateWorkspaceRequest{
		Workspace: wanted, UpdateMask: paths(mask...),
	})
	require.NoError(t, err)
	return got
}

func TestAWorkspaceHasItsSettings(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	require.Equal(t, member, w.GetUrgentRole(), "filled in where never set")
	requireWindows(t, windows(40, 24, 4, 1), w.GetResponseWindows())

	got := w.set(t, &directoryv1.Workspace{UrgentRole: admin, ResponseWindows: windows(80, 16, 2, 0.5)}, "urgent_role", "response_windows")
	require.Equal(t, admin, got.GetUrgentRole())
	requireWindows(t, windows(80, 16, 2, 0.5), got.GetResponseWindows())
	require.EqualValues(t, 2, got.GetVersion())
	read, err := h.workspaces.GetWorkspace(w.owner.ctx, &directoryv1.GetWorkspaceRequest{Name: w.GetName()})
	require.NoError(t, err)
	require.True(t, proto.Equal(got, read))
	events := w.events(t)
	_, updated := last[*directoryv1.WorkspaceUpdated](t, events)
	require.Equal(t, []string{"urgent_role", "response_windows"}, updated.GetChangedFields().GetPaths())
	require.True(t, proto.Equal(got, updated.GetWorkspace()))
	_, audit := last[*directoryv1.AuditRecorded](t, events)
	require.Equal(t, map[string]string{
		"urgent_role": "ADMIN", "response_windows": "low 80h0m0s, normal 16h0m0s, high 2h0m0s, urgent 30m0s",
	}, audit.GetAuditEvent().GetDetails())

	requireWindows(t, windows(80, 8, 2, 0.5),
		w.set(t, &directoryv1.Workspace{ResponseWindows: windows(1, 8, 1, 1)}, "response_windows.normal").GetResponseWindows())
	requireWindows(t, windows(80, 8, 4, 0.5),
		w.set(t, &directoryv1.Workspace{}, "response_windows.high").GetResponseWindows())
	requireWindows(t, windows(80, 6, 4, 0.5), w.set(t, &directoryv1.Workspace{
		ResponseWindows: &directoryv1.ResponseWindows{Normal: durationpb.New(6 * time.Hour)},
	}).GetResponseWindows())
	got = w.set(t, &directoryv1.Workspace{DisplayName: "Baton"})
	require.Equal(t, admin, got.GetUrgentRole(), "without a mask what is not set stays")
	requireWindows(t, windows(80, 6, 4, 0.5), got.GetResponseWindows())
	_, updated = last[*directoryv1.WorkspaceUpdated](t, w.events(t))
	require.Equal(t, []string{"display_name"}, updated.GetChangedFields().GetPaths())
	got = w.set(t, &directoryv1.Workspace{}, "urgent_role", "response_windows")
	require.Equal(t, member, got.GetUrgentRole(), "what is named and not set goes back")
	requireWindows(t, windows(40, 24, 4, 1), got.GetResponseWindows())
}

func TestSettingsAreAnAdministratorsAndWithinTheirBounds(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	mia, ada := w.join(t, "mia", member), w.join(t, "ada", admin)
	update := func(by person, wanted *directoryv1.Workspace, mask ...string) error {
		wanted.Name = w.GetName()
		_, err := h.workspaces.UpdateWorkspace(by.ctx, &directoryv1.UpdateWorkspaceRequest{Workspace: wanted, UpdateMask: paths(mask...)})
		return err
	}
	require.NoError(t, update(ada, &directoryv1.Workspace{UrgentRole: guest}, "urgent_role"))
	rpctest.Failed(t, update(mia, &directoryv1.Workspace{UrgentRole: guest}, "urgent_role"), codes.PermissionDenied, "PERMISSION_DENIED")
	rpctest.FailedField(t, update(ada, &directoryv1.Workspace{UrgentRole: 9}, "urgent_role"), "FIELD_INVALID", "workspace.urgent_role")
	for _, wrong := range []time.Duration{-time.Hour, 2001 * time.Hour, 1500 * time.Millisecond} {
		rpctest.FailedField(t, update(ada, &directoryv1.Workspace{
			ResponseWindows: &directoryv1.ResponseWindows{High: durationpb.New(wrong)},
		}, "response_windows"), "FIELD_INVALID", "workspace.response_windows.high")
	}
	rpctest.FailedField(t, update(ada, &directoryv1.Workspace{}, "response_windows.lowest"), "FIELD_INVALID", "update_mask.paths[0]")
}

func TestAWorkspaceIsFoundedWithSettings(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	made, err := h.workspaces.CreateWorkspace(h.asService(t, "meridian"), &directoryv1.CreateWorkspaceRequest{
		Workspace: &directoryv1.Workspace{
			DisplayName: "Relay", UrgentRole: admin,
			ResponseWindows: &directoryv1.ResponseWindows{Low: durationpb.New(time.Hour)},
		},
		OwnerEmail: "o@example.org",
	})
	require.NoError(t, err)
	require.Equal(t, admin, made.GetWorkspace().GetUrgentRole())
	requireWindows(t, windows(1, 24, 4, 1), made.GetWorkspace().GetResponseWindows())
	require.EqualValues(t, 1, made.GetWorkspace().GetVersion())
}

// A workspace from before there were settings has the defaults.
func TestAnOlderWorkspaceHasTheDefaults(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	_, err := h.db.Owner.Pool().Exec(t.Context(), `
		DELETE FROM workspaces;
		INSERT INTO workspaces (workspace_id, display_name, time_zone, version, create_time, update_time)
		VALUES ('`+w.GetUid()+`', 'Relay', 'UTC', 7, '2026-11-01', '2026-11-01')`)
	require.NoError(t, err)
	got, err := h.workspaces.GetWorkspace(w.owner.ctx, &directoryv1.GetWorkspaceRequest{Name: w.GetName()})
	require.NoError(t, err)
	require.Equal(t, member, got.GetUrgentRole())
	requireWindows(t, windows(40, 24, 4, 1), got.GetResponseWindows())
}
