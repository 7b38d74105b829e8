//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/type/dayofweek"
	"google.golang.org/genproto/googleapis/type/timeofday"

	"github.com/meridianhq/meridian/pkg/clock"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/meridian/internal/restconn"
)

const (
	// nightAtLeast is how long Ben's night still lasts when the story begins, before the next whole minute.
	nightAtLeast = 20 * time.Second
	// morningWithin is how long after his morning what waits for him may come.
	morningWithin = 60 * time.Second
	lookEvery     = 200 * time.Millisecond
)

// night tells the story on the clock that everybody has: Ben's day begins in a minute or two. A question and a baton wait for him
// until then, and reach him then; he takes the baton and answers.
func (k *cluster) night(ctx context.Context) error {
	workspace, owner, _, err := k.workspace(ctx, "Night")
	if err != nil {
		return err
	}
	ben, benConn, err := k.join(ctx, workspace, owner, "Ben")
	if err != nil {
		return err
	}
	morning := clock.Machine().Now().UTC().Add(nightAtLeast + time.Minute).Truncate(time.Minute)
	if err := worksFrom(ctx, benConn, ben, morning); err != nil {
		return err
	}
	told, err := availabilityv1.NewAvailabilityServiceClient(owner).ResolveExpectation(ctx,
		&availabilityv1.ResolveExpectationRequest{Parent: workspace, Members: []string{ben}})
	if err != nil {
		return err
	}
	if at := told.GetExpectations()[0].GetReachedTime().AsTime(); !at.Equal(morning) {
		return fmt.Errorf("the sender is told %s, and Ben's day begins at %s", at, morning)
	}
	ask, handoff, err := k.askAndOffer(ctx, workspace, owner, ben)
	if err != nil {
		return err
	}
	inbox := notificationsv1.NewInboxServiceClient(benConn)
	if err := k.await(ctx, "the question and the baton stand in the inbox", morning, func() (bool, error) {
		list, err := inbox.ListNotifications(ctx, &notificationsv1.ListNotificationsRequest{Parent: workspace})
		return err == nil && len(list.GetNotifications()) == 2, err
	}); err != nil {
		return err
	}
	if sent, err := delivered(ctx, inbox, workspace); err != nil || sent != 0 {
		return errors.Join(fmt.Errorf("%d notifications reached Ben in his night", sent), err)
	}
	if letters, err := os.ReadDir(k.facts().Mail); err == nil && len(letters) > 0 {
		return errors.New("a mail left in the night")
	}
	if err := k.await(ctx, "both reach him in his morning", morning.Add(morningWithin), func() (bool, error) {
		sent, err := delivered(ctx, inbox, workspace)
		return sent == 2, err
	}); err != nil {
		return err
	}
	if now := clock.Machine().Now(); now.Before(morning) {
		return fmt.Errorf("they reached him at %s, before his day began at %s", now, morning)
	}
	if _, err := tasksv1.NewHandoffServiceClient(benConn).AcceptHandoff(ctx, &tasksv1.AcceptHandoffRequest{Name: handoff.GetName(), RequestId: uuid.NewString()}); err != nil {
		return err
	}
	if _, err := threadsv1.NewAskServiceClient(benConn).AnswerAsk(ctx, &threadsv1.AnswerAskRequest{Name: ask, RequestId: uuid.NewString()}); err != nil {
		return err
	}
	legs, err := tasksv1.NewTaskServiceClient(owner).ListLegs(ctx, &tasksv1.ListLegsRequest{Parent: handoff.GetTask()})
	if err != nil || len(legs.GetLegs()) != 2 {
		return errors.Join(fmt.Errorf("the relay has %d legs", len(legs.GetLegs())), err)
	}
	k.log.InfoContext(ctx, "nothing reached Ben in his night, and nothing was dropped")
	return nil
}

// join invites somebody and accepts for them.
func (k *cluster) join(ctx context.Context, workspace string, owner *restconn.Conn, name string) (member string, conn *restconn.Conn, err error) {
	invited, err := directoryv1.NewMemberServiceClient(owner).InviteMember(ctx, &directoryv1.InviteMemberRequest{
		Parent: workspace, Email: strings.ToLower(name) + "@example.com", Role: directoryv1.Member_MEMBER, RequestId: uuid.NewString(),
	})
	if err != nil {
		return "", nil, err
	}
	public, err := restconn.New(k.facts().HTTP, "")
	if err != nil {
		return "", nil, err
	}
	accepted, err := directoryv1.NewMemberServiceClient(public).AcceptInvitation(ctx,
		&directoryv1.AcceptInvitationRequest{Code: invited.GetCode(), DisplayName: name, TimeZone: "Etc/UTC"})
	if err != nil {
		return "", nil, err
	}
	conn, err = restconn.New(k.facts().HTTP, accepted.GetSecret())
	return accepted.GetMember().GetName(), conn, err
}

// worksFrom gives somebody working days of an hour that begin at that time of day.
func worksFrom(ctx context.Context, conn *restconn.Conn, member string, from time.Time) error {
	to := from.Add(time.Hour)
	window := &availabilityv1.WeeklyWindow{
		StartTime: &timeofday.TimeOfDay{Hours: int32(from.Hour()), Minutes: int32(from.Minute())},
		EndTime:   &timeofday.TimeOfDay{Hours: int32(to.Hour()), Minutes: int32(to.Minute())},
	}
	for day := dayofweek.DayOfWeek_MONDAY; day <= dayofweek.DayOfWeek_SUNDAY; day++ {
		window.Days = append(window.Days, day)
	}
	_, err := availabilityv1.NewScheduleServiceClient(conn).CreateWorkingSchedule(ctx, &availabilityv1.CreateWorkingScheduleRequest{
		Parent: member, RequestId: uuid.NewString(),
		WorkingSchedule: &availabilityv1.WorkingSchedule{TimeZone: "Etc/UTC", Windows: []*availabilityv1.WeeklyWindow{window}},
	})
	return err
}

// askAndOffer asks Ben something that is HIGH and offers him a baton.
func (k *cluster) askAndOffer(ctx context.Context, workspace string, owner *restconn.Conn, ben string) (ask string, handoff *tasksv1.Handoff, err error) {
	space, err := directoryv1.NewSpaceServiceClient(owner).CreateSpace(ctx, &directoryv1.CreateSpaceRequest{
		Parent: workspace, Space: &directoryv1.Space{DisplayName: "All", Visibility: directoryv1.Space_OPEN}, RequestId: uuid.NewString(),
	})
	if err != nil {
		return "", nil, err
	}
	thread, err := threadsv1.NewThreadServiceClient(owner).CreateThread(ctx, &threadsv1.CreateThreadRequest{
		Parent: workspace, Thread: &threadsv1.Thread{Space: space.GetName(), Title: "The move"}, RequestId: uuid.NewString(),
	})
	if err != nil {
		return "", nil, err
	}
	message, err := threadsv1.NewMessageServiceClient(owner).CreateMessage(ctx, &threadsv1.CreateMessageRequest{
		Parent: thread.GetName(), RequestId: uuid.NewString(), Message: &threadsv1.Message{
			Body: "Which replica is safe to promote?", Urgency: notificationsv1.Notification_HIGH,
			Asks: []*threadsv1.Ask{{Kind: threadsv1.Ask_ACKNOWLEDGE, Members: []string{ben}}},
		},
	})
	if err != nil {
		return "", nil, err
	}
	me, err := directoryv1.NewMemberServiceClient(owner).GetMember(ctx, &directoryv1.GetMemberRequest{Name: workspace + "/members/me"})
	if err != nil {
		return "", nil, err
	}
	project, err := tasksv1.NewProjectServiceClient(owner).CreateProject(ctx, &tasksv1.CreateProjectRequest{
		Parent: workspace, Project: &tasksv1.Project{Space: space.GetName(), Key: "OPS", DisplayName: "Operations"}, RequestId: uuid.NewString(),
	})
	if err != nil {
		return "", nil, err
	}
	task, err := tasksv1.NewTaskServiceClient(owner).CreateTask(ctx, &tasksv1.CreateTaskRequest{
		Parent: workspace, Task: &tasksv1.Task{Project: project.GetName(), Title: "Promote it", Holder: me.GetName()}, RequestId: uuid.NewString(),
	})
	if err != nil {
		return "", nil, err
	}
	handoff, err = tasksv1.NewHandoffServiceClient(owner).HandOff(ctx, &tasksv1.HandOffRequest{
		Name: task.GetName(), Recipient: ben, RequestId: uuid.NewString(), Note: &tasksv1.HandoffNote{Done: "Half of it.", NextSteps: "The rest."},
	})
	return message.GetAsks()[0].GetName(), handoff, err
}

// delivered is how many notifications of somebody have been sent over a channel.
func delivered(ctx context.Context, inbox notificationsv1.InboxServiceClient, workspace string) (n int, err error) {
	list, err := inbox.ListNotifications(ctx, &notificationsv1.ListNotificationsRequest{Parent: workspace})
	for _, each := range list.GetNotifications() {
		for _, d := range each.GetDeliveries() {
			if d.GetState() == notificationsv1.Delivery_SENT {
				n++
				break
			}
		}
	}
	return n, err
}

// await looks until it is so.
func (k *cluster) await(ctx context.Context, what string, until time.Time, look func() (bool, error)) error {
	for {
		ok, err := look()
		if err == nil && ok {
			return nil
		}
		if clock.Machine().Now().After(until) {
			return errors.Join(fmt.Errorf("not seen: %s", what), err)
		}
		if err := clock.Sleep(ctx, lookEvery); err != nil {
			return err
		}
	}
}
