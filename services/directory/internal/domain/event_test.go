package domain_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/services/directory/internal/domain"
)

func TestNamesNestAndNobodyHasNone(t *testing.T) {
	t.Parallel()
	ws, id := uuid.MustParse("01936f9e-0000-7000-8000-000000000001"), uuid.MustParse("01936f9e-0000-7000-8000-000000000002")
	prefix := "workspaces/01936f9e-0000-7000-8000-000000000001"
	require.Equal(t, prefix, domain.WorkspaceName(ws))
	require.Equal(t, prefix+"/members/"+id.String(), domain.MemberName(ws, id))
	require.Equal(t, prefix+"/teams/"+id.String(), domain.TeamName(ws, id))
	require.Equal(t, prefix+"/spaces/"+id.String(), domain.SpaceName(ws, id))
	require.Equal(t, prefix+"/auditEvents/"+id.String(), domain.AuditName(ws, id))
	require.Equal(t, prefix+"/members/"+id.String()+"/apiTokens/"+ws.String(), domain.TokenName(ws, id, ws))
	require.Empty(t, domain.MemberName(ws, uuid.Nil))
}
