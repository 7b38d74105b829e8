package e2e

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

// person is a member with a token.
type person struct{ member, token string }

// house is a fresh workspace of the shared stack, so that stories do not see each other.
type house struct {
	*running
	workspace string
	owner     person
}

func newHouse(t *testing.T) *house {
	t.Helper()
	s := start(t)
	h := &house{running: s, owner: person{token: s.newWorkspace(t)}}
	var have workspaces
	getJSON(t, s.http()+"/v1/workspaces", h.owner.token, &have)
	require.Len(t, have.Workspaces, 1)
	h.workspace = have.Workspaces[0].Name
	var me struct{ Name string }
	getJSON(t, s.http()+"/v1/"+h.workspace+"/members/me", h.owner.token, &me)
	h.owner.member = me.Name
	return h
}

// join invites somebody and accepts for them.
func (h *house) join(t *testing.T, role directoryv1.Member_Role) person {
	t.Helper()
	var invited struct{ Code string }
	postJSON(t, h.http()+"/v1/"+h.workspace+"/members:invite", h.owner.token, map[string]any{
		"email": uuid.NewString() + "@example.com", "role": role.String(), "requestId": uuid.NewString(),
	}, &invited)
	var accepted struct {
		Member struct{ Name string }
		Secret string
	}
	postJSON(t, h.http()+"/v1/invitations:accept", "", map[string]any{"code": invited.Code}, &accepted)
	return person{member: accepted.Member.Name, token: accepted.Secret}
}

// space makes a space.
func (h *house) space(t *testing.T, visibility directoryv1.Space_Visibility) string {
	t.Helper()
	var made struct{ Name string }
	postJSON(t, h.http()+"/v1/"+h.workspace+"/spaces", h.owner.token, map[string]any{
		"displayName": "Space " + uuid.NewString()[:8], "visibility": visibility.String(),
	}, &made)
	return made.Name
}

// thread starts a thread as its owner.
func (h *house) thread(t *testing.T, space, title string) string {
	t.Helper()
	var made struct{ Name string }
	postJSON(t, h.http()+"/v1/"+h.workspace+"/threads", h.owner.token, map[string]any{"space": space, "title": title}, &made)
	return made.Name
}

// message is a message as JSON shows it.
type message struct {
	Name, Sequence, Author, Body, CreateTime, UtcOffset, State, ExternalID string
	Imported                                                               bool
}

func (h *house) post(t *testing.T, who person, thread, body string) message {
	t.Helper()
	var made message
	postJSON(t, h.http()+"/v1/"+thread+"/messages", who.token, map[string]any{"body": body}, &made)
	return made
}
