//go:build unix

package main

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/rpcclient"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

const (
	workspaces = 2
	// threadsEach is few, so that posts meet in the same thread.
	threadsEach = 4
)

// populate makes the workspaces with their members, before any fault.
func populate(ctx context.Context, r *rig, f *front, members int, seed uint64) ([]*workspace, error) {
	self, err := rpcclient.Dial(r.grpcAddrs["directory"][0], rpcclient.Config{Identity: r.secrets.identity(operator)})
	if err != nil {
		return nil, err
	}
	defer self.Close() //nolint:errcheck // nothing is under way
	made := make([]*workspace, workspaces)
	group, ctx := errgroup.WithContext(ctx)
	for i := range made {
		group.Go(func() (err error) {
			made[i], err = populateOne(ctx, self, f, members/workspaces, seed+uint64(i)<<32)
			return err
		})
	}
	return made, group.Wait()
}

func populateOne(ctx context.Context, self grpc.ClientConnInterface, f *front, members int, seed uint64) (*workspace, error) {
	w := newWorkspace()
	made, err := directoryv1.NewWorkspaceServiceClient(self).CreateWorkspace(ctx, &directoryv1.CreateWorkspaceRequest{
		Workspace: &directoryv1.Workspace{DisplayName: "Chaos"}, OwnerEmail: "owner@example.com", RequestId: uuid.NewString(),
	})
	if err != nil {
		return nil, err
	}
	w.name, w.owner = made.GetWorkspace().GetName(), made.GetSecret()
	w.members = make([]*member, members)
	group, joining := errgroup.WithContext(ctx)
	for i := range w.members {
		group.Go(func() (err error) {
			w.members[i], err = join(joining, f, w, i)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for i, m := range w.members {
		m.random, m.rest = rand.New(rand.NewPCG(seed, uint64(i))), i%3 == 0 //nolint:gosec // the same acts for the same seed
	}
	return w, furnish(ctx, f, w)
}

// join invites somebody, accepts for them and sets their first hours: half of them begin while the others rest.
func join(ctx context.Context, f *front, w *workspace, i int) (*member, error) {
	m := &member{workspace: w}
	var code string
	invitation := uuid.NewString()
	err := f.must(ctx, w.owner, func(ctx context.Context, conn *grpc.ClientConn) error {
		invited, err := directoryv1.NewMemberServiceClient(conn).InviteMember(ctx, &directoryv1.InviteMemberRequest{
			Parent: w.name, Email: fmt.Sprintf("%s@example.com", invitation), Role: directoryv1.Member_MEMBER,
		})
		code = invited.GetCode()
		return err
	})
	if err != nil {
		return nil, err
	}
	err = f.must(ctx, "", func(ctx context.Context, conn *grpc.ClientConn) error {
		accepted, err := directoryv1.NewMemberServiceClient(conn).AcceptInvitation(ctx, &directoryv1.AcceptInvitationRequest{
			Code: code, DisplayName: fmt.Sprintf("Member %d", i), TimeZone: "Etc/UTC",
		})
		m.name, m.token = accepted.GetMember().GetName(), accepted.GetSecret()
		return err
	})
	if err != nil {
		return nil, err
	}
	first := hours{on: 1, off: 1, shift: i % 2}
	return m, f.must(ctx, m.token, func(ctx context.Context, conn *grpc.ClientConn) error {
		_, err := availabilityv1.NewScheduleServiceClient(conn).CreateWorkingSchedule(ctx, &availabilityv1.CreateWorkingScheduleRequest{
			Parent: m.name, WorkingSchedule: &availabilityv1.WorkingSchedule{
				TimeZone: "Etc/UTC", Windows: first.windows(clock.Machine().Now()),
			},
		})
		return err
	})
}

// furnish makes the space, the team, the project and the threads of a workspace.
func furnish(ctx context.Context, f *front, w *workspace) error {
	err := f.must(ctx, w.owner, func(ctx context.Context, conn *grpc.ClientConn) error {
		space, err := directoryv1.NewSpaceServiceClient(conn).CreateSpace(ctx, &directoryv1.CreateSpaceRequest{
			Parent: w.name, Space: &directoryv1.Space{DisplayName: "All", Visibility: directoryv1.Space_OPEN},
		})
		w.space = space.GetName()
		return err
	})
	if err != nil {
		return err
	}
	err = f.must(ctx, w.owner, func(ctx context.Context, conn *grpc.ClientConn) error {
		teams := directoryv1.NewTeamServiceClient(conn)
		team, err := teams.CreateTeam(ctx, &directoryv1.CreateTeamRequest{Parent: w.name, Team: &directoryv1.Team{DisplayName: "Relay"}})
		if err != nil {
			return err
		}
		w.team = team.GetName()
		add := &directoryv1.AddTeamMembersRequest{Name: w.team}
		for _, m := range w.members {
			add.Members = append(add.Members, &directoryv1.TeamMember{Member: m.name})
		}
		_, err = teams.AddTeamMembers(ctx, add)
		return err
	})
	if err != nil {
		return err
	}
	first := w.members[0].token
	err = f.must(ctx, first, func(ctx context.Context, conn *grpc.ClientConn) error {
		project, err := tasksv1.NewProjectServiceClient(conn).CreateProject(ctx, &tasksv1.CreateProjectRequest{
			Parent: w.name, Project: &tasksv1.Project{Space: w.space, Key: "RUN", DisplayName: "Run"},
		})
		w.project = project.GetName()
		return err
	})
	for i := 0; i < threadsEach && err == nil; i++ {
		err = f.must(ctx, first, func(ctx context.Context, conn *grpc.ClientConn) error {
			thread, err := threadsv1.NewThreadServiceClient(conn).CreateThread(ctx, &threadsv1.CreateThreadRequest{
				Parent: w.name, Thread: &threadsv1.Thread{Space: w.space, Title: fmt.Sprintf("Thread %d", i)},
			})
			w.threads = append(w.threads, thread.GetName())
			return err
		})
	}
	return err
}
