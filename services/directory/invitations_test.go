package directory_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/rpctest"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

const (
	eventually = 10 * time.Second
	tick       = 10 * time.Millisecond
)

func TestAnInvitationIsAcceptedOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	req := &directoryv1.InviteMemberRequest{
		Parent: w.GetName(), Email: "Ana.Maria@Example.org", DisplayName: "Ana", Role: guest, RequestId: requestID(),
	}
	invited, err := h.members.InviteMember(w.owner.ctx, req)
	require.NoError(t, err)
	require.Equal(t, directoryv1.Member_INVITED, invited.GetMember().GetState())
	require.Equal(t, "ana.maria", invited.GetMember().GetHandle())
	require.Regexp(t, "^mri_[0-9A-Za-z]{36}$", invited.GetCode())
	require.True(t, h.clock.Now().Add(7*24*time.Hour).Equal(invited.GetExpireTime().AsTime()))
	_, err = h.members.InviteMember(w.owner.ctx, req)
	s := rpctest.Failed(t, err, codes.AlreadyExists, "ALREADY_EXISTS")
	info, _ := rpctest.Detail[*errdetails.ErrorInfo](s)
	require.Equal(t, invited.GetMember().GetName(), info.GetMetadata()["name"])

	// A taken handle does not use the code up.
	_, err = h.members.AcceptInvitation(t.Context(), &directoryv1.AcceptInvitationRequest{Code: invited.GetCode(), Handle: "olga.owner"})
	s = rpctest.Failed(t, err, codes.AlreadyExists, "ALREADY_EXISTS")
	require.Equal(t, []string{"handle"}, rpctest.Fields(s))
	in, err := h.members.AcceptInvitation(t.Context(), &directoryv1.AcceptInvitationRequest{
		Code: invited.GetCode(), DisplayName: "Ana M", Handle: "ana", TimeZone: "America/Bogota",
	})
	require.NoError(t, err)
	require.Equal(t, invited.GetMember().GetName(), in.GetMember().GetName())
	require.Equal(t, directoryv1.Member_ACTIVE, in.GetMember().GetState())
	require.Equal(t, guest, in.GetMember().GetRole())
	require.Equal(t, "ana", in.GetMember().GetHandle())
	require.Equal(t, "America/Bogota", in.GetMember().GetTimeZone())
	_, err = h.members.AcceptInvitation(t.Context(), &directoryv1.AcceptInvitationRequest{Code: invited.GetCode()})
	rpctest.FailedField(t, err, "INVITATION_INVALID", "code")
	_, err = h.members.InviteMember(w.owner.ctx, &directoryv1.InviteMemberRequest{Parent: w.GetName(), Email: "ana.maria@example.org"})
	rpctest.Failed(t, err, codes.FailedPrecondition, "MEMBER_ALREADY_ACTIVE")

	events := w.events(t)
	require.Equal(t, []string{"MemberInvited", "MemberActivated", "TokenCreated"}, types(events)[3:])
	meta, _ := last[*directoryv1.MemberActivated](t, events)
	require.Equal(t, in.GetMember().GetName(), meta.Actor, "one accepts for oneself")
	me, err := h.members.GetMember(h.as(t, in.GetSecret()), &directoryv1.GetMemberRequest{Name: w.GetName() + "/members/me"})
	require.NoError(t, err)
	require.Equal(t, in.GetMember().GetName(), me.GetName())
}

func TestCodesThatAreNoneGetTheSameAnswer(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	invite := func() string {
		got, err := h.members.InviteMember(w.owner.ctx, &directoryv1.InviteMemberRequest{Parent: w.GetName(), Email: "ana@example.org"})
		require.NoError(t, err)
		return got.GetCode()
	}
	first := invite()
	h.clock.Advance(time.Hour)
	second := invite()
	never, _ := auth.NewInvitationCode()
	var messages []string
	for _, code := range []string{first, never} {
		_, err := h.members.AcceptInvitation(t.Context(), &directoryv1.AcceptInvitationRequest{Code: code})
		messages = append(messages, rpctest.FailedField(t, err, "INVITATION_INVALID", "code").Message())
	}
	require.Equal(t, messages[0], messages[1])
	_, err := h.members.AcceptInvitation(t.Context(), &directoryv1.AcceptInvitationRequest{Code: "open sesame"})
	rpctest.FailedField(t, err, "FIELD_INVALID", "code")

	h.clock.Advance(7 * 24 * time.Hour)
	_, err = h.members.AcceptInvitation(t.Context(), &directoryv1.AcceptInvitationRequest{Code: second})
	rpctest.Failed(t, err, codes.FailedPrecondition, "INVITATION_EXPIRED")
	third := invite()
	_, err = h.members.AcceptInvitation(t.Context(), &directoryv1.AcceptInvitationRequest{Code: third})
	require.NoError(t, err)
}

func TestACodeIsGoodForOneOfManyWhoShowItAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	invited, err := h.members.InviteMember(w.owner.ctx, &directoryv1.InviteMemberRequest{Parent: w.GetName(), Email: "ana@example.org"})
	require.NoError(t, err)
	errs := atOnce(12, func(int) error {
		_, err := h.members.AcceptInvitation(t.Context(), &directoryv1.AcceptInvitationRequest{Code: invited.GetCode()})
		return err
	})
	accepted := 0
	for _, err := range errs {
		if err == nil {
			accepted++
			continue
		}
		rpctest.FailedField(t, err, "INVITATION_INVALID", "code")
	}
	require.Equal(t, 1, accepted)
	tokens, err := h.tokens.ListApiTokens(w.owner.ctx, &directoryv1.ListApiTokensRequest{Parent: invited.GetMember().GetName()})
	require.NoError(t, err)
	require.Len(t, tokens.GetApiTokens(), 1)
}

// atOnce runs fn n times at the same time.
func atOnce(n int, fn func(i int) error) []error {
	errs := make([]error, n)
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-start
			errs[i] = fn(i)
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
	return errs
}

func TestTheSameInvitationAtOnceMakesOneMember(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	req := &directoryv1.InviteMemberRequest{Parent: w.GetName(), Email: "ana@example.org", RequestId: requestID()}
	done := 0
	for _, err := range atOnce(8, func(int) error {
		_, err := h.members.InviteMember(w.owner.ctx, req)
		return err
	}) {
		if err == nil {
			done++
			continue
		}
		rpctest.Failed(t, err, codes.AlreadyExists, "ALREADY_EXISTS")
	}
	require.Equal(t, 1, done)
	require.Equal(t, []string{"MemberInvited"}, types(w.events(t))[3:])

	// Different requests for one address, and for addresses whose handles are the same.
	emails := []string{"bo@a.org", "bo@b.org", "bo@c.org", "bo@a.org", "bo@d.org", "bo@e.org"}
	for _, err := range atOnce(len(emails), func(i int) error {
		_, err := h.members.InviteMember(w.owner.ctx, &directoryv1.InviteMemberRequest{Parent: w.GetName(), Email: emails[i]})
		return err
	}) {
		require.NoError(t, err)
	}
	found, err := h.members.ListMembers(w.owner.ctx, &directoryv1.ListMembersRequest{Parent: w.GetName(), Filter: `display_name = "bo"`})
	require.NoError(t, err)
	var handles []string
	for _, m := range found.GetMembers() {
		handles = append(handles, m.GetHandle())
	}
	require.ElementsMatch(t, []string{"bo", "bo2", "bo3", "bo4", "bo5"}, handles)
}

func TestWhoMayInviteWhom(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	mia, ada := w.join(t, "mia", member), w.join(t, "ada", admin)
	invite := func(ctx context.Context, email string, role directoryv1.Member_Role) error {
		_, err := h.members.InviteMember(ctx, &directoryv1.InviteMemberRequest{Parent: w.GetName(), Email: email, Role: role})
		return err
	}
	rpctest.Failed(t, invite(mia.ctx, "x@example.org", guest), codes.PermissionDenied, "PERMISSION_DENIED")
	rpctest.Failed(t, invite(ada.ctx, "x@example.org", owner), codes.PermissionDenied, "OWNER_REQUIRED")
	require.NoError(t, invite(w.owner.ctx, "boss@example.org", owner))
	rpctest.Failed(t, invite(ada.ctx, "boss@example.org", guest), codes.PermissionDenied, "OWNER_REQUIRED")
	rpctest.FailedField(t, invite(ada.ctx, "nobody", guest), "FIELD_INVALID", "email")
	_, err := h.members.DeactivateMember(ada.ctx, &directoryv1.DeactivateMemberRequest{Name: mia.GetName()})
	require.NoError(t, err)
	rpctest.Failed(t, invite(ada.ctx, mia.GetEmail(), 0), codes.FailedPrecondition, "MEMBER_DEACTIVATED")

	// Deactivating voids an open code, and letting in again leaves them INVITED.
	code, err := h.members.InviteMember(ada.ctx, &directoryv1.InviteMemberRequest{Parent: w.GetName(), Email: "new@example.org"})
	require.NoError(t, err)
	_, err = h.members.DeactivateMember(ada.ctx, &directoryv1.DeactivateMemberRequest{Name: code.GetMember().GetName()})
	require.NoError(t, err)
	_, err = h.members.AcceptInvitation(t.Context(), &directoryv1.AcceptInvitationRequest{Code: code.GetCode()})
	rpctest.FailedField(t, err, "INVITATION_INVALID", "code")
	back, err := h.members.ReactivateMember(ada.ctx, &directoryv1.ReactivateMemberRequest{Name: code.GetMember().GetName()})
	require.NoError(t, err)
	require.Equal(t, directoryv1.Member_INVITED, back.GetState())
}

func TestAnImportKeepsItsOrderAndMakesNobodyTwice(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	mia := w.join(t, "mia", member)
	req := &directoryv1.ImportMembersRequest{Parent: w.GetName(), RequestId: requestID(), Members: []*directoryv1.ImportedMember{
		{Email: "carl@example.org", DisplayName: "Carl Worth"},
		{Email: "Mia@Example.org"},
		{Email: "carl@other.org"},
		{Email: "CARL@example.org", DisplayName: "Somebody else"},
	}}
	_, err := h.members.ImportMembers(mia.ctx, req)
	rpctest.Failed(t, err, codes.PermissionDenied, "PERMISSION_DENIED")
	got, err := h.members.ImportMembers(w.owner.ctx, req)
	require.NoError(t, err)
	m := got.GetMembers()
	require.Len(t, m, 4)
	require.Equal(t, "Carl Worth", m[0].GetDisplayName())
	require.Equal(t, directoryv1.Member_INVITED, m[0].GetState())
	require.Equal(t, mia.GetName(), m[1].GetName())
	require.Equal(t, directoryv1.Member_ACTIVE, m[1].GetState(), "who is here stays as they are")
	require.Equal(t, "carl2", m[2].GetHandle())
	require.Equal(t, m[0].GetName(), m[3].GetName())
	again, err := h.members.ImportMembers(w.owner.ctx, req)
	require.NoError(t, err)
	require.Equal(t, m[0].GetName(), again.GetMembers()[0].GetName())
	names := types(w.events(t))
	require.Equal(t, []string{"MemberInvited", "MemberInvited"}, names[len(names)-2:])

	// The imported are invited like anybody, and keep who they are.
	code, err := h.members.InviteMember(w.owner.ctx, &directoryv1.InviteMemberRequest{Parent: w.GetName(), Email: "carl@example.org"})
	require.NoError(t, err)
	require.Equal(t, m[0].GetName(), code.GetMember().GetName())
	in, err := h.members.AcceptInvitation(t.Context(), &directoryv1.AcceptInvitationRequest{Code: code.GetCode()})
	require.NoError(t, err)
	require.Equal(t, "Carl Worth", in.GetMember().GetDisplayName())

	// All or none.
	_, err = h.members.ImportMembers(w.owner.ctx, &directoryv1.ImportMembersRequest{Parent: w.GetName(), Members: []*directoryv1.ImportedMember{
		{Email: "fine@example.org"}, {Email: "bad@example.org", DisplayName: "two\nlines"},
	}})
	rpctest.FailedField(t, err, "FIELD_INVALID", "members[1].display_name")
	none, err := h.members.ListMembers(w.owner.ctx, &directoryv1.ListMembersRequest{Parent: w.GetName(), Filter: `email = "fine@example.org"`})
	require.NoError(t, err)
	require.Empty(t, none.GetMembers())
	_, err = h.members.ImportMembers(w.owner.ctx, &directoryv1.ImportMembersRequest{Parent: w.GetName(), Members: make([]*directoryv1.ImportedMember, 101)})
	rpctest.FailedField(t, err, "FIELD_INVALID", "members")
}

// Whoever shows a code becomes the person, so an ADMIN gets none for somebody who was ACTIVE, by whatever path.
func TestNobodyBelowAnOwnerBecomesSomebodyElse(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	ada, mia := w.join(t, "ada", admin), w.join(t, "mia", member)
	invite := func(by person, whom person) (*directoryv1.InviteMemberResponse, error) {
		return h.members.InviteMember(by.ctx, &directoryv1.InviteMemberRequest{Parent: w.GetName(), Email: whom.GetEmail()})
	}
	_, err := h.tokens.RevokeApiToken(ada.ctx, &directoryv1.RevokeApiTokenRequest{Name: mia.token.GetName()})
	require.NoError(t, err)
	_, err = invite(ada, mia)
	rpctest.Failed(t, err, codes.PermissionDenied, "OWNER_REQUIRED")
	_, err = h.members.DeactivateMember(ada.ctx, &directoryv1.DeactivateMemberRequest{Name: mia.GetName()})
	require.NoError(t, err)
	back, err := h.members.ReactivateMember(ada.ctx, &directoryv1.ReactivateMemberRequest{Name: mia.GetName()})
	require.NoError(t, err)
	require.Equal(t, directoryv1.Member_ACTIVE, back.GetState())
	_, err = invite(ada, mia)
	rpctest.Failed(t, err, codes.PermissionDenied, "OWNER_REQUIRED")

	// An owner does it, in the open.
	code, err := invite(w.owner, mia)
	require.NoError(t, err)
	records, err := h.audits.ListAuditEvents(w.owner.ctx, &directoryv1.ListAuditEventsRequest{
		Parent: w.GetName(), Filter: `action = "member.invite_back"`,
	})
	require.NoError(t, err)
	require.Len(t, records.GetAuditEvents(), 1)
	require.Equal(t, w.owner.GetName(), records.GetAuditEvents()[0].GetActor())
	require.Equal(t, mia.GetName(), records.GetAuditEvents()[0].GetResource())
	in, err := h.members.AcceptInvitation(t.Context(), &directoryv1.AcceptInvitationRequest{Code: code.GetCode()})
	require.NoError(t, err)
	require.Equal(t, mia.GetName(), in.GetMember().GetName())
	_, err = invite(w.owner, mia)
	rpctest.Failed(t, err, codes.FailedPrecondition, "MEMBER_ALREADY_ACTIVE")
}

// No owner becomes another: not by a code made now, nor by one from before the other was an owner.
func TestAnOwnersWayBackIsTheOperators(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	olaf := w.join(t, "olaf", member)
	_, err := h.tokens.RevokeApiToken(w.owner.ctx, &directoryv1.RevokeApiTokenRequest{Name: olaf.token.GetName()})
	require.NoError(t, err)
	early, err := h.members.InviteMember(w.owner.ctx, &directoryv1.InviteMemberRequest{Parent: w.GetName(), Email: olaf.GetEmail()})
	require.NoError(t, err)
	_, err = h.members.UpdateMember(w.owner.ctx, &directoryv1.UpdateMemberRequest{
		Member: &directoryv1.Member{Name: olaf.GetName(), Role: owner}, UpdateMask: paths("role"),
	})
	require.NoError(t, err)
	_, err = h.members.InviteMember(w.owner.ctx, &directoryv1.InviteMemberRequest{Parent: w.GetName(), Email: olaf.GetEmail()})
	rpctest.Failed(t, err, codes.PermissionDenied, "OPERATOR_REQUIRED")
	_, err = h.members.AcceptInvitation(t.Context(), &directoryv1.AcceptInvitationRequest{Code: early.GetCode()})
	rpctest.FailedField(t, err, "INVITATION_INVALID", "code")
	made, err := h.tokens.CreateApiToken(h.asService(t, "meridian"), &directoryv1.CreateApiTokenRequest{
		Parent: olaf.GetName(), ApiToken: &directoryv1.ApiToken{DisplayName: "back", Scopes: []string{"*"}},
	})
	require.NoError(t, err)
	require.NotEmpty(t, made.GetSecret())
}
