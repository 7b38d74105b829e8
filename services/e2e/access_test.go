package e2e

import (
	"context"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	optionsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/options/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

// request makes, for one principal, a request that succeeds when they are allowed to make it.
type request func(t *testing.T, w *world, p principal) proto.Message

// own is the principal's member where they have one in the workspace, else the owner's.
func own(w *world, p principal) string {
	if strings.HasPrefix(p.member, w.workspace) {
		return p.member
	}
	return w.owner.member
}

func onThread(build func(name string) proto.Message) request {
	return func(_ *testing.T, w *world, _ principal) proto.Message { return build(w.thread) }
}

func onFreshThread(build func(name string) proto.Message) request {
	return func(t *testing.T, w *world, _ principal) proto.Message {
		t.Helper()
		return build(w.newThread(t, w.space))
	}
}

func onMessage(build func(name string) proto.Message) request {
	return func(t *testing.T, w *world, p principal) proto.Message {
		t.Helper()
		return build(w.newMessage(t, p, w.thread))
	}
}

func onWorkspace(build func(name string) proto.Message) request {
	return func(_ *testing.T, w *world, _ principal) proto.Message { return build(w.workspace) }
}

func onSpace(build func(name string) proto.Message) request {
	return func(_ *testing.T, w *world, _ principal) proto.Message { return build(w.space) }
}

func onTeam(build func(name string) proto.Message) request {
	return func(t *testing.T, w *world, _ principal) proto.Message { t.Helper(); return build(w.newTeam(t)) }
}

func mask(path string) *fieldmaskpb.FieldMask { return &fieldmaskpb.FieldMask{Paths: []string{path}} }

func random(prefix string) string { return prefix + uuid.NewString()[:8] }

// requests has one entry for every method; a method without one fails the walk.
func requests() map[string]request {
	all := directoryRequests()
	for _, service := range []map[string]request{
		threadsRequests(), asksRequests(), availabilityRequests(), layerRequests(), rotationsRequests(), calendarRequests(), tasksRequests(),
		notificationsRequests(),
	} {
		maps.Copy(all, service)
	}
	return all
}

func directoryRequests() map[string]request {
	return map[string]request{
		"GetWorkspace":   onWorkspace(func(n string) proto.Message { return &directoryv1.GetWorkspaceRequest{Name: n} }),
		"ListWorkspaces": onWorkspace(func(string) proto.Message { return &directoryv1.ListWorkspacesRequest{} }),
		"UpdateWorkspace": onWorkspace(func(n string) proto.Message {
			return &directoryv1.UpdateWorkspaceRequest{Workspace: &directoryv1.Workspace{Name: n, DisplayName: "Walked"}, UpdateMask: mask("display_name")}
		}),
		"CreateWorkspace": onWorkspace(func(string) proto.Message {
			return &directoryv1.CreateWorkspaceRequest{Workspace: &directoryv1.Workspace{DisplayName: "Mine"}, OwnerEmail: "o@example.com", OwnerDisplayName: "O"}
		}),
		"SnapshotAccess": onWorkspace(func(string) proto.Message { return &directoryv1.SnapshotAccessRequest{} }),
		"ResolveAccess": func(_ *testing.T, w *world, p principal) proto.Message {
			return &directoryv1.ResolveAccessRequest{Workspace: w.workspace, Member: own(w, p), Space: w.space}
		},
		"ListAuditEvents": onWorkspace(func(n string) proto.Message { return &directoryv1.ListAuditEventsRequest{Parent: n} }),

		"GetMember": func(_ *testing.T, w *world, p principal) proto.Message {
			return &directoryv1.GetMemberRequest{Name: own(w, p)}
		},
		"ListMembers": onWorkspace(func(n string) proto.Message { return &directoryv1.ListMembersRequest{Parent: n} }),
		"UpdateMember": func(_ *testing.T, w *world, p principal) proto.Message {
			return &directoryv1.UpdateMemberRequest{Member: &directoryv1.Member{Name: own(w, p), DisplayName: "Renamed"}, UpdateMask: mask("display_name")}
		},
		"InviteMember": onWorkspace(func(n string) proto.Message {
			return &directoryv1.InviteMemberRequest{Parent: n, Email: random("m") + "@example.com", DisplayName: "M", Role: directoryv1.Member_MEMBER}
		}),
		"AcceptInvitation": func(t *testing.T, w *world, _ principal) proto.Message {
			t.Helper()
			_, code := w.invite(t, directoryv1.Member_MEMBER)
			return &directoryv1.AcceptInvitationRequest{Code: code}
		},
		"ImportMembers": onWorkspace(func(n string) proto.Message {
			return &directoryv1.ImportMembersRequest{Parent: n, Members: []*directoryv1.ImportedMember{{Email: random("i") + "@example.com", DisplayName: "I"}}}
		}),
		"DeactivateMember": func(t *testing.T, w *world, _ principal) proto.Message {
			t.Helper()
			member, _ := w.invite(t, directoryv1.Member_MEMBER)
			return &directoryv1.DeactivateMemberRequest{Name: member}
		},
		"ReactivateMember": func(t *testing.T, w *world, _ principal) proto.Message {
			t.Helper()
			member, _ := w.invite(t, directoryv1.Member_MEMBER)
			_, err := directoryv1.NewMemberServiceClient(w.conn).DeactivateMember(as(t.Context(), w.owner.token), &directoryv1.DeactivateMemberRequest{Name: member})
			require.NoError(t, err)
			return &directoryv1.ReactivateMemberRequest{Name: member}
		},
		"CreateServiceAccount": onWorkspace(func(n string) proto.Message {
			return &directoryv1.CreateServiceAccountRequest{Parent: n, Member: &directoryv1.Member{DisplayName: random("bot "), Role: directoryv1.Member_MEMBER}}
		}),

		"GetTeam":   onTeam(func(n string) proto.Message { return &directoryv1.GetTeamRequest{Name: n} }),
		"ListTeams": onWorkspace(func(n string) proto.Message { return &directoryv1.ListTeamsRequest{Parent: n} }),
		"CreateTeam": onWorkspace(func(n string) proto.Message {
			return &directoryv1.CreateTeamRequest{Parent: n, Team: &directoryv1.Team{Handle: random("t-"), DisplayName: "T"}}
		}),
		"UpdateTeam": onTeam(func(n string) proto.Message {
			return &directoryv1.UpdateTeamRequest{Team: &directoryv1.Team{Name: n, DisplayName: "Renamed"}, UpdateMask: mask("display_name")}
		}),
		"DeleteTeam": onTeam(func(n string) proto.Message { return &directoryv1.DeleteTeamRequest{Name: n} }),
		"AddTeamMembers": func(t *testing.T, w *world, _ principal) proto.Message {
			t.Helper()
			return &directoryv1.AddTeamMembersRequest{Name: w.newTeam(t), Members: []*directoryv1.TeamMember{{Member: w.owner.member}}}
		},
		"RemoveTeamMembers": func(t *testing.T, w *world, _ principal) proto.Message {
			t.Helper()
			team := w.newTeam(t)
			_, err := directoryv1.NewTeamServiceClient(w.conn).AddTeamMembers(as(t.Context(), w.owner.token),
				&directoryv1.AddTeamMembersRequest{Name: team, Members: []*directoryv1.TeamMember{{Member: w.owner.member}}})
			require.NoError(t, err)
			return &directoryv1.RemoveTeamMembersRequest{Name: team, Members: []string{w.owner.member}}
		},
		"ListTeamMembers": onTeam(func(n string) proto.Message { return &directoryv1.ListTeamMembersRequest{Parent: n} }),

		"GetSpace":   onSpace(func(n string) proto.Message { return &directoryv1.GetSpaceRequest{Name: n} }),
		"ListSpaces": onWorkspace(func(n string) proto.Message { return &directoryv1.ListSpacesRequest{Parent: n} }),
		"CreateSpace": onWorkspace(func(n string) proto.Message {
			return &directoryv1.CreateSpaceRequest{Parent: n, Space: &directoryv1.Space{DisplayName: random("s "), Visibility: directoryv1.Space_OPEN}}
		}),
		"UpdateSpace": onSpace(func(n string) proto.Message {
			return &directoryv1.UpdateSpaceRequest{Space: &directoryv1.Space{Name: n, Description: "Walked"}, UpdateMask: mask("description")}
		}),
		"SetSpaceAccess": func(t *testing.T, w *world, _ principal) proto.Message {
			t.Helper()
			member, _ := w.invite(t, directoryv1.Member_MEMBER)
			return &directoryv1.SetSpaceAccessRequest{Name: w.space, Changes: []*directoryv1.SpaceAccess{{Principal: member, Role: directoryv1.SpaceAccess_READER}}}
		},
		"ListSpaceAccess": onSpace(func(n string) proto.Message { return &directoryv1.ListSpaceAccessRequest{Parent: n} }),

		"CreateApiToken": func(_ *testing.T, w *world, p principal) proto.Message {
			return &directoryv1.CreateApiTokenRequest{Parent: own(w, p), ApiToken: &directoryv1.ApiToken{DisplayName: "W", Scopes: []string{"threads.read"}}}
		},
		"GetApiToken": func(t *testing.T, w *world, p principal) proto.Message {
			t.Helper()
			return &directoryv1.GetApiTokenRequest{Name: w.newToken(t, p)}
		},
		"ListApiTokens": func(_ *testing.T, w *world, p principal) proto.Message {
			return &directoryv1.ListApiTokensRequest{Parent: own(w, p)}
		},
		"RevokeApiToken": func(t *testing.T, w *world, p principal) proto.Message {
			t.Helper()
			return &directoryv1.RevokeApiTokenRequest{Name: w.newToken(t, p)}
		},
		"ExchangeToken": onWorkspaceOwner(func(w *world) proto.Message { return &directoryv1.ExchangeTokenRequest{Token: w.owner.token} }),
		"GetJwks":       onWorkspace(func(string) proto.Message { return &directoryv1.GetJwksRequest{} }),

		"GetEventSubscription": onSubscription(func(n string) proto.Message { return &directoryv1.GetEventSubscriptionRequest{Name: n} }),
		"ListEventSubscriptions": onWorkspace(func(n string) proto.Message {
			return &directoryv1.ListEventSubscriptionsRequest{Parent: n}
		}),
		"CreateEventSubscription": onWorkspace(func(n string) proto.Message {
			return &directoryv1.CreateEventSubscriptionRequest{Parent: n, EventSubscription: &directoryv1.EventSubscription{DisplayName: "Walk"}}
		}),
		"DeleteEventSubscription": onSubscription(func(n string) proto.Message { return &directoryv1.DeleteEventSubscriptionRequest{Name: n} }),
	}
}

func onWorkspaceOwner(build func(w *world) proto.Message) request {
	return func(_ *testing.T, w *world, _ principal) proto.Message { return build(w) }
}

func onSubscription(build func(name string) proto.Message) request {
	return func(t *testing.T, w *world, _ principal) proto.Message {
		t.Helper()
		made, err := directoryv1.NewEventSubscriptionServiceClient(w.conn).CreateEventSubscription(as(t.Context(), w.owner.token),
			&directoryv1.CreateEventSubscriptionRequest{Parent: w.workspace, EventSubscription: &directoryv1.EventSubscription{DisplayName: "Walk"}})
		require.NoError(t, err)
		name := made.GetEventSubscription().GetName()
		t.Cleanup(func() { // a workspace has room for a few only
			_, err := directoryv1.NewEventSubscriptionServiceClient(w.conn).DeleteEventSubscription(
				as(context.Background(), w.owner.token), &directoryv1.DeleteEventSubscriptionRequest{Name: name})
			require.Contains(t, []codes.Code{codes.OK, codes.NotFound}, status.Code(err))
		})
		return build(name)
	}
}

func threadsRequests() map[string]request {
	return map[string]request{
		"GetThread":   onThread(func(n string) proto.Message { return &threadsv1.GetThreadRequest{Name: n} }),
		"ListThreads": onWorkspace(func(n string) proto.Message { return &threadsv1.ListThreadsRequest{Parent: n} }),
		"CreateThread": func(_ *testing.T, w *world, _ principal) proto.Message {
			return &threadsv1.CreateThreadRequest{Parent: w.workspace, Thread: &threadsv1.Thread{Space: w.space, Title: "Walked"}}
		},
		"UpdateThread": onThread(func(n string) proto.Message {
			return &threadsv1.UpdateThreadRequest{Thread: &threadsv1.Thread{Name: n, Title: random("Title ")}, UpdateMask: mask("title")}
		}),
		"ResolveThread": onFreshThread(func(n string) proto.Message { return &threadsv1.ResolveThreadRequest{Name: n, Outcome: "Done"} }),
		"ReopenThread": func(t *testing.T, w *world, _ principal) proto.Message {
			t.Helper()
			thread := w.newThread(t, w.space)
			_, err := threadsv1.NewThreadServiceClient(w.conn).ResolveThread(as(t.Context(), w.owner.token), &threadsv1.ResolveThreadRequest{Name: thread, Outcome: "Done"})
			require.NoError(t, err)
			return &threadsv1.ReopenThreadRequest{Name: thread}
		},
		"ArchiveThread": onFreshThread(func(n string) proto.Message { return &threadsv1.ArchiveThreadRequest{Name: n} }),

		"GetMessage":   onMessage(func(n string) proto.Message { return &threadsv1.GetMessageRequest{Name: n} }),
		"ListMessages": onThread(func(n string) proto.Message { return &threadsv1.ListMessagesRequest{Parent: n} }),
		"CreateMessage": onThread(func(n string) proto.Message {
			return &threadsv1.CreateMessageRequest{Parent: n, Message: &threadsv1.Message{Body: "Walked"}}
		}),
		"UpdateMessage": onMessage(func(n string) proto.Message {
			return &threadsv1.UpdateMessageRequest{Message: &threadsv1.Message{Name: n, Body: random("Edited ")}}
		}),
		"DeleteMessage":        onMessage(func(n string) proto.Message { return &threadsv1.DeleteMessageRequest{Name: n} }),
		"ListMessageRevisions": onMessage(func(n string) proto.Message { return &threadsv1.ListMessageRevisionsRequest{Parent: n} }),
		"AddReaction":          onMessage(func(n string) proto.Message { return &threadsv1.AddReactionRequest{Name: n, Emoji: "👍"} }),
		"RemoveReaction":       onMessage(func(n string) proto.Message { return &threadsv1.RemoveReactionRequest{Name: n, Emoji: "👍"} }),
		"ImportMessages": func(_ *testing.T, w *world, _ principal) proto.Message {
			id := random("walk-")
			return &threadsv1.ImportMessagesRequest{Parent: w.space, Messages: []*threadsv1.ImportedMessage{{
				ExternalId: id, ThreadExternalId: id, Subject: "Old", Author: w.owner.member, Body: "Old news",
				CreateTime: timestamppb.New(time.Date(2009, 11, 17, 9, 0, 0, 0, time.UTC)),
			}}}
		},

		"GetReadState":   onThread(func(n string) proto.Message { return &threadsv1.GetReadStateRequest{Name: n + "/readState"} }),
		"ListReadStates": onWorkspace(func(n string) proto.Message { return &threadsv1.ListReadStatesRequest{Parent: n} }),
		"MarkRead":       onThread(func(n string) proto.Message { return &threadsv1.MarkReadRequest{Name: n, ThroughSequence: 1} }),
		"BatchMarkRead": func(_ *testing.T, w *world, _ principal) proto.Message {
			return &threadsv1.BatchMarkReadRequest{Parent: w.workspace, Marks: []*threadsv1.ReadMark{{Thread: w.thread, ThroughSequence: 1}}}
		},
		"FollowThread":   onThread(func(n string) proto.Message { return &threadsv1.FollowThreadRequest{Name: n} }),
		"UnfollowThread": onThread(func(n string) proto.Message { return &threadsv1.UnfollowThreadRequest{Name: n} }),
		"MuteThread":     onThread(func(n string) proto.Message { return &threadsv1.MuteThreadRequest{Name: n} }),
		"UnmuteThread":   onThread(func(n string) proto.Message { return &threadsv1.UnmuteThreadRequest{Name: n} }),
		"SearchMessages": onWorkspace(func(n string) proto.Message { return &threadsv1.SearchMessagesRequest{Parent: n, Query: "walked"} }),
	}
}

// methods are all unary methods of all services, from the descriptors. The one stream has a walk of its own.
func methods() []protoreflect.MethodDescriptor {
	var found []protoreflect.MethodDescriptor
	protoregistry.GlobalFiles.RangeFiles(func(fd protoreflect.FileDescriptor) bool {
		for i := range fd.Services().Len() {
			for j := range fd.Services().Get(i).Methods().Len() {
				m := fd.Services().Get(i).Methods().Get(j)
				if strings.HasPrefix(string(m.FullName()), "meridian.") && !m.IsStreamingServer() {
					found = append(found, m)
				}
			}
		}
		return true
	})
	return found
}

// expected is the answer that a method's option promises to a principal, in the order of refusals of the design. Every
// request of the walk is about the workspace, its private space or the principal's own member.
func expected(a *optionsv1.Access, m protoreflect.MethodDescriptor, p principal) codes.Code {
	right := p.right
	if p.role >= optionsv1.Access_ADMIN && m.Parent().Name() == "SpaceService" {
		right = optionsv1.Access_MANAGER // an ADMIN manages every space, and reads what it holds only as its member
	}
	servicesOnly := a.GetRole() == optionsv1.Access_ROLE_UNSPECIFIED && !a.GetPublic()
	switch {
	case servicesOnly:
		return codes.Unimplemented // the gateway does not know them
	case a.GetPublic():
		return codes.OK
	case p.token == "" || p.name == "revoked":
		return codes.Unauthenticated
	case p.name == "stranger" && m.Name() != "ListWorkspaces":
		return codes.NotFound
	case p.role < a.GetRole() && !a.GetOrSelf():
		return codes.PermissionDenied
	case a.GetRight() != optionsv1.Access_RIGHT_UNSPECIFIED && right == optionsv1.Access_RIGHT_UNSPECIFIED:
		return codes.NotFound
	case right < a.GetRight():
		return codes.PermissionDenied
	}
	return codes.OK
}

// TestAccessWalk calls every method as everyone and compares with what the method's option says.
func TestAccessWalk(t *testing.T) {
	t.Parallel()
	s := reach(t)
	w := newWorld(t, s.grpc(t), s.ownerToken(), s.newWorkspace(t))
	builders := requests()
	for _, m := range methods() {
		build, ok := builders[string(m.Name())]
		require.True(t, ok, "%s has no request in the walk", m.FullName())
		option, _ := proto.GetExtension(m.Options(), optionsv1.E_Access).(*optionsv1.Access)
		for _, p := range w.principals {
			if option.GetPublic() && p.name == "revoked" {
				continue // a public method may refuse a dead credential or ignore it
			}
			t.Run(string(m.Name())+"/"+p.name, func(t *testing.T) {
				got := invoke(t, w, m, p, build(t, w, p))
				require.Equal(t, expected(option, m, p).String(), status.Code(got).String(), "%v", got)
			})
		}
	}
}

func invoke(t *testing.T, w *world, m protoreflect.MethodDescriptor, p principal, in proto.Message) error {
	t.Helper()
	out, err := protoregistry.GlobalTypes.FindMessageByName(m.Output().FullName())
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(as(t.Context(), p.token), 20*time.Second)
	defer cancel()
	return w.conn.Invoke(ctx, "/"+string(m.Parent().FullName())+"/"+string(m.Name()), in, out.New().Interface())
}
