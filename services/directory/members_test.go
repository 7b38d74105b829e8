package directory_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/meridianhq/meridian/pkg/rpctest"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

const (
	guest  = directoryv1.Member_GUEST
	member = directoryv1.Member_MEMBER
	admin  = directoryv1.Member_ADMIN
	owner  = directoryv1.Member_OWNER
)

func paths(p ...string) *fieldmaskpb.FieldMask { return &fieldmaskpb.FieldMask{Paths: p} }

func TestPeopleChangeThemselvesAndAdministratorsTheRest(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	mia, ada := w.join(t, "mia", member), w.join(t, "ada", admin)
	update := func(by person, m *directoryv1.Member, mask ...string) (*directoryv1.Member, error) {
		return h.members.UpdateMember(by.ctx, &directoryv1.UpdateMemberRequest{Member: m, UpdateMask: paths(mask...)})
	}

	got, err := update(mia, &directoryv1.Member{Name: w.GetName() + "/members/me", DisplayName: "Mia", Handle: "mia.m", TimeZone: "Asia/Tokyo"})
	require.NoError(t, err, "without a mask, every field that is set")
	require.Equal(t, "mia.m", got.GetHandle())
	require.Equal(t, "Asia/Tokyo", got.GetTimeZone())
	_, changed := last[*directoryv1.MemberUpdated](t, w.events(t))
	require.Equal(t, []string{"display_name", "handle", "time_zone"}, changed.GetChangedFields().GetPaths())

	_, err = update(mia, &directoryv1.Member{Name: mia.GetName(), Role: admin}, "role")
	rpctest.Failed(t, err, codes.PermissionDenied, "PERMISSION_DENIED")
	_, err = update(mia, &directoryv1.Member{Name: ada.GetName(), DisplayName: "x"}, "display_name")
	rpctest.Failed(t, err, codes.PermissionDenied, "PERMISSION_DENIED")
	_, err = update(ada, &directoryv1.Member{Name: w.owner.GetName(), DisplayName: "x"}, "display_name")
	rpctest.Failed(t, err, codes.PermissionDenied, "OWNER_REQUIRED")
	_, err = update(ada, &directoryv1.Member{Name: mia.GetName(), Role: owner}, "role")
	rpctest.Failed(t, err, codes.PermissionDenied, "OWNER_REQUIRED")
	_, err = update(ada, &directoryv1.Member{Name: mia.GetName(), Handle: "ada"}, "handle")
	s := rpctest.Failed(t, err, codes.AlreadyExists, "ALREADY_EXISTS")
	require.Equal(t, []string{"member.handle"}, rpctest.Fields(s))
	_, err = update(ada, &directoryv1.Member{Name: mia.GetName(), Email: "ADA@example.org"}, "email")
	s = rpctest.Failed(t, err, codes.AlreadyExists, "ALREADY_EXISTS")
	require.Equal(t, []string{"member.email"}, rpctest.Fields(s))
	_, err = update(ada, &directoryv1.Member{Name: mia.GetName(), Manager: w.GetName() + "/members/" + w.GetUid()}, "manager")
	rpctest.FailedField(t, err, "FIELD_INVALID", "member.manager")
	_, err = update(ada, &directoryv1.Member{Name: mia.GetName()}, "state")
	rpctest.FailedField(t, err, "FIELD_INVALID", "update_mask.paths[0]")
	_, err = update(ada, &directoryv1.Member{Name: mia.GetName(), DisplayName: "a\x00b"}, "display_name")
	rpctest.FailedField(t, err, "FIELD_INVALID", "member.display_name")

	got, err = update(ada, &directoryv1.Member{Name: mia.GetName(), Manager: ada.GetName(), Role: guest}, "manager", "role")
	require.NoError(t, err)
	require.Equal(t, ada.GetName(), got.GetManager())
	got, err = update(ada, &directoryv1.Member{Name: mia.GetName()}, "manager")
	require.NoError(t, err)
	require.Empty(t, got.GetManager(), "in the mask and empty takes it away")
	// The old handle is free again.
	_, err = update(ada, &directoryv1.Member{Name: ada.GetName(), Handle: "mia"}, "handle")
	require.NoError(t, err)
}

func TestANewRoleEndsAccessTokensOfTheOld(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	mia := w.join(t, "mia", admin)
	_, err := h.members.UpdateMember(w.owner.ctx, &directoryv1.UpdateMemberRequest{
		Member: &directoryv1.Member{Name: mia.GetName(), Role: member}, UpdateMask: paths("role"),
	})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, err := h.audits.ListAuditEvents(mia.ctx, &directoryv1.ListAuditEventsRequest{Parent: w.GetName()})
		return err != nil && strings.Contains(err.Error(), "Unauthenticated")
	}, eventually, tick)
	_, err = h.audits.ListAuditEvents(h.as(t, mia.secret), &directoryv1.ListAuditEventsRequest{Parent: w.GetName()})
	rpctest.Failed(t, err, codes.PermissionDenied, "PERMISSION_DENIED")
}

func TestTheLastOwnerStays(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	demote := func(by person, name string) error {
		_, err := h.members.UpdateMember(by.ctx, &directoryv1.UpdateMemberRequest{
			Member: &directoryv1.Member{Name: name, Role: admin}, UpdateMask: paths("role"),
		})
		return err
	}
	deactivate := func(by person, name string) error {
		_, err := h.members.DeactivateMember(by.ctx, &directoryv1.DeactivateMemberRequest{Name: name})
		return err
	}
	rpctest.Failed(t, demote(w.owner, w.owner.GetName()), codes.FailedPrecondition, "LAST_OWNER")
	rpctest.Failed(t, deactivate(w.owner, w.owner.GetName()), codes.FailedPrecondition, "LAST_OWNER")

	// Two owners who take each other, at the same time: one of them stays.
	second := w.join(t, "second", owner)
	results := make(chan error, 2)
	go func() { results <- demote(w.owner, second.GetName()) }()
	go func() { results <- deactivate(second, w.owner.GetName()) }()
	failures := 0
	for range 2 {
		if err := <-results; err != nil {
			failures++
		}
	}
	require.LessOrEqual(t, failures, 1)
	ctx := h.asService(t, "meridian")
	left, err := h.members.ListMembers(ctx, &directoryv1.ListMembersRequest{
		Parent: w.GetName(), Filter: "role = OWNER AND state = ACTIVE",
	})
	require.NoError(t, err)
	require.Len(t, left.GetMembers(), 1)
}

func TestDeactivatingEndsEveryToken(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	mia, ada := w.join(t, "mia", member), w.join(t, "ada", admin)
	_, err := h.tokens.CreateApiToken(mia.ctx, &directoryv1.CreateApiTokenRequest{
		Parent: mia.GetName(), ApiToken: &directoryv1.ApiToken{DisplayName: "two", Scopes: []string{"threads.read"}},
	})
	require.NoError(t, err)
	_, err = h.members.DeactivateMember(mia.ctx, &directoryv1.DeactivateMemberRequest{Name: mia.GetName()})
	rpctest.Failed(t, err, codes.PermissionDenied, "PERMISSION_DENIED")
	_, err = h.members.DeactivateMember(ada.ctx, &directoryv1.DeactivateMemberRequest{Name: w.owner.GetName()})
	rpctest.Failed(t, err, codes.PermissionDenied, "OWNER_REQUIRED")
	_, err = h.members.DeactivateMember(ada.ctx, &directoryv1.DeactivateMemberRequest{Name: mia.GetName(), Etag: `"9"`})
	rpctest.Failed(t, err, codes.Aborted, "ETAG_STALE")

	req := &directoryv1.DeactivateMemberRequest{Name: mia.GetName(), RequestId: requestID(), Etag: mia.GetEtag()}
	got, err := h.members.DeactivateMember(ada.ctx, req)
	require.NoError(t, err)
	require.Equal(t, directoryv1.Member_DEACTIVATED, got.GetState())
	again, err := h.members.DeactivateMember(ada.ctx, req)
	require.NoError(t, err)
	require.Equal(t, got.GetVersion(), again.GetVersion())
	_, err = h.members.DeactivateMember(ada.ctx, &directoryv1.DeactivateMemberRequest{Name: mia.GetName()})
	rpctest.Failed(t, err, codes.FailedPrecondition, "MEMBER_DEACTIVATED")
	_, err = h.tokens.ExchangeToken(t.Context(), &directoryv1.ExchangeTokenRequest{Token: mia.secret})
	rpctest.Failed(t, err, codes.Unauthenticated, "UNAUTHENTICATED")
	require.Eventually(t, func() bool {
		_, err := h.workspaces.GetWorkspace(mia.ctx, &directoryv1.GetWorkspaceRequest{Name: w.GetName()})
		return err != nil
	}, eventually, tick, "access tokens end too")
	names := types(w.events(t))
	require.Equal(t, []string{"MemberDeactivated", "TokenRevoked", "TokenRevoked"}, names[len(names)-3:])

	// The way back: in again, and an owner's code, for the tokens stay revoked.
	back, err := h.members.ReactivateMember(ada.ctx, &directoryv1.ReactivateMemberRequest{Name: mia.GetName()})
	require.NoError(t, err)
	require.Equal(t, directoryv1.Member_ACTIVE, back.GetState())
	_, err = h.members.ReactivateMember(ada.ctx, &directoryv1.ReactivateMemberRequest{Name: mia.GetName()})
	rpctest.Failed(t, err, codes.FailedPrecondition, "MEMBER_NOT_DEACTIVATED")
	_, err = h.tokens.ExchangeToken(t.Context(), &directoryv1.ExchangeTokenRequest{Token: mia.secret})
	rpctest.Failed(t, err, codes.Unauthenticated, "UNAUTHENTICATED")
	code, err := h.members.InviteMember(w.owner.ctx, &directoryv1.InviteMemberRequest{Parent: w.GetName(), Email: mia.GetEmail()})
	require.NoError(t, err)
	require.Equal(t, directoryv1.Member_ACTIVE, code.GetMember().GetState())
	in, err := h.members.AcceptInvitation(t.Context(), &directoryv1.AcceptInvitationRequest{Code: code.GetCode()})
	require.NoError(t, err)
	require.Equal(t, mia.GetName(), in.GetMember().GetName())
	h.as(t, in.GetSecret())
}

func TestMembersAreListedInPagesFilteredAndOrdered(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	gus := w.join(t, "gus", guest)
	people := make([]*directoryv1.ImportedMember, 25)
	for i := range people {
		people[i] = &directoryv1.ImportedMember{Email: fmt.Sprintf("p%02d@example.org", i), DisplayName: fmt.Sprintf("Person %02d", 24-i)}
	}
	_, err := h.members.ImportMembers(w.owner.ctx, &directoryv1.ImportMembersRequest{Parent: w.GetName(), Members: people})
	require.NoError(t, err)
	list := func(req *directoryv1.ListMembersRequest) (names []string) {
		req.Parent = w.GetName()
		for {
			got, err := h.members.ListMembers(w.owner.ctx, req)
			require.NoError(t, err)
			for _, m := range got.GetMembers() {
				names = append(names, m.GetDisplayName())
			}
			if req.PageToken = got.GetNextPageToken(); req.GetPageToken() == "" {
				return names
			}
		}
	}
	for _, order := range []string{"", "create_time desc", "display_name", "display_name desc", "handle", "handle desc"} {
		names := list(&directoryv1.ListMembersRequest{PageSize: 4, OrderBy: order})
		require.Len(t, names, 27, order)
		require.Equal(t, list(&directoryv1.ListMembersRequest{OrderBy: order}), names, order)
	}
	require.Equal(t, []string{"Person 07"}, list(&directoryv1.ListMembersRequest{Filter: `email = "p17@example.org"`}))
	require.Len(t, list(&directoryv1.ListMembersRequest{Filter: `state = INVITED AND display_name : "PERSON 1"`}), 10)
	require.Equal(t, []string{"gus"}, list(&directoryv1.ListMembersRequest{Filter: `role = GUEST`}))
	require.Len(t, list(&directoryv1.ListMembersRequest{Filter: `kind = PERSON AND state != INVITED AND handle != "gus"`}), 1)

	for filter, reason := range map[string]string{"age = 3": "FILTER_INVALID", "state = GONE": "FILTER_INVALID", "state = ": "FILTER_INVALID"} {
		_, err := h.members.ListMembers(w.owner.ctx, &directoryv1.ListMembersRequest{Parent: w.GetName(), Filter: filter})
		rpctest.FailedField(t, err, reason, "filter")
	}
	for _, order := range []string{"email", "handle, display_name"} {
		_, err = h.members.ListMembers(w.owner.ctx, &directoryv1.ListMembersRequest{Parent: w.GetName(), OrderBy: order})
		rpctest.FailedField(t, err, "ORDER_BY_INVALID", "order_by")
	}
	first, err := h.members.ListMembers(w.owner.ctx, &directoryv1.ListMembersRequest{Parent: w.GetName(), PageSize: 3})
	require.NoError(t, err)
	_, err = h.members.ListMembers(w.owner.ctx, &directoryv1.ListMembersRequest{
		Parent: w.GetName(), PageToken: first.GetNextPageToken(), OrderBy: "handle",
	})
	rpctest.FailedField(t, err, "PAGE_TOKEN_INVALID", "page_token")
	_, err = h.members.ListMembers(w.owner.ctx, &directoryv1.ListMembersRequest{Parent: w.GetName(), PageSize: -1})
	rpctest.FailedField(t, err, "FIELD_INVALID", "page_size")

	// A guest lists nobody, and sees no other's address.
	_, err = h.members.ListMembers(gus.ctx, &directoryv1.ListMembersRequest{Parent: w.GetName()})
	rpctest.Failed(t, err, codes.PermissionDenied, "PERMISSION_DENIED")
	seen, err := h.members.GetMember(gus.ctx, &directoryv1.GetMemberRequest{Name: w.owner.GetName()})
	require.NoError(t, err)
	require.Empty(t, seen.GetEmail())
	self, err := h.members.GetMember(gus.ctx, &directoryv1.GetMemberRequest{Name: gus.GetName()})
	require.NoError(t, err)
	require.Equal(t, "gus@example.org", self.GetEmail())
	_, err = h.members.GetMember(gus.ctx, &directoryv1.GetMemberRequest{Name: w.GetName() + "/members/" + w.GetUid()})
	rpctest.Failed(t, err, codes.NotFound, "RESOURCE_NOT_FOUND")
}

func TestServiceAccountsAreMadeByAdministrators(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	mia, ada := w.join(t, "mia", member), w.join(t, "ada", admin)
	req := &directoryv1.CreateServiceAccountRequest{
		Parent: w.GetName(), Member: &directoryv1.Member{DisplayName: "Build Bot"}, RequestId: requestID(),
	}
	_, err := h.members.CreateServiceAccount(mia.ctx, req)
	rpctest.Failed(t, err, codes.PermissionDenied, "PERMISSION_DENIED")
	bot, err := h.members.CreateServiceAccount(ada.ctx, req)
	require.NoError(t, err)
	require.Equal(t, directoryv1.Member_SERVICE_ACCOUNT, bot.GetKind())
	require.Equal(t, directoryv1.Member_ACTIVE, bot.GetState())
	require.Equal(t, member, bot.GetRole())
	require.Equal(t, "build-bot", bot.GetHandle())
	again, err := h.members.CreateServiceAccount(ada.ctx, req)
	require.NoError(t, err)
	require.Equal(t, bot.GetName(), again.GetName())
	other, err := h.members.CreateServiceAccount(ada.ctx, &directoryv1.CreateServiceAccountRequest{
		Parent: w.GetName(), Member: &directoryv1.Member{DisplayName: "Build Bot"},
	})
	require.NoError(t, err)
	require.Equal(t, "build-bot2", other.GetHandle())
	_, err = h.members.CreateServiceAccount(w.owner.ctx, &directoryv1.CreateServiceAccountRequest{
		Parent: w.GetName(), Member: &directoryv1.Member{DisplayName: "King", Role: owner},
	})
	rpctest.Failed(t, err, codes.FailedPrecondition, "MEMBER_KIND")
	_, err = h.members.CreateServiceAccount(ada.ctx, &directoryv1.CreateServiceAccountRequest{
		Parent: w.GetName(), Member: &directoryv1.Member{DisplayName: "Third", Handle: "mia"},
	})
	rpctest.Failed(t, err, codes.AlreadyExists, "ALREADY_EXISTS")

	made, err := h.tokens.CreateApiToken(ada.ctx, &directoryv1.CreateApiTokenRequest{
		Parent: bot.GetName(), ApiToken: &directoryv1.ApiToken{DisplayName: "ci", Scopes: []string{"directory.read", "directory.write"}},
	})
	require.NoError(t, err)
	require.Equal(t, ada.GetName(), made.GetApiToken().GetCreator())
	_, err = h.tokens.CreateApiToken(h.as(t, made.GetSecret()), &directoryv1.CreateApiTokenRequest{
		Parent: bot.GetName(), ApiToken: &directoryv1.ApiToken{DisplayName: "more", Scopes: []string{"directory.read"}},
	})
	rpctest.Failed(t, err, codes.PermissionDenied, "PERMISSION_DENIED")
}
