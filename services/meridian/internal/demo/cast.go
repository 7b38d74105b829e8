package demo

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/genproto/googleapis/type/dayofweek"
	"google.golang.org/genproto/googleapis/type/timeofday"

	"github.com/meridianhq/meridian/pkg/worktime"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/meridian/internal/restconn"
)

// leaveDays is how long Dai is on leave.
const leaveDays = 30

// person is somebody of the story, with their own connection.
type person struct {
	name   string
	place  *worktime.Zone
	member string
	conn   *restconn.Conn

	messages     threadsv1.MessageServiceClient
	asks         threadsv1.AskServiceClient
	tasks        tasksv1.TaskServiceClient
	handoffs     tasksv1.HandoffServiceClient
	availability availabilityv1.AvailabilityServiceClient
	inbox        notificationsv1.InboxServiceClient
}

// local is an instant on this person's clock.
func (p *person) local(t time.Time) string { return p.place.Local(t).Format("Mon 2 Jan 15:04") }

// hours are Monday to Friday, nine to five.
func hours() []*availabilityv1.WeeklyWindow {
	window := &availabilityv1.WeeklyWindow{StartTime: &timeofday.TimeOfDay{Hours: 9}, EndTime: &timeofday.TimeOfDay{Hours: 17}}
	for day := dayofweek.DayOfWeek_MONDAY; day <= dayofweek.DayOfWeek_FRIDAY; day++ {
		window.Days = append(window.Days, day)
	}
	return []*availabilityv1.WeeklyWindow{window}
}

// join invites a person, accepts for them, and sets their hours.
func (s *story) join(ctx context.Context, name, zone string) (*person, error) {
	place, err := worktime.LoadZone(zone)
	if err != nil {
		return nil, err
	}
	members := directoryv1.NewMemberServiceClient(s.owner)
	invited, err := members.InviteMember(ctx, &directoryv1.InviteMemberRequest{
		Parent: s.workspace, Email: strings.ToLower(name) + "." + s.run + "@example.com", DisplayName: name,
		Role: directoryv1.Member_MEMBER, RequestId: uuid.NewString(),
	})
	if err != nil {
		return nil, fmt.Errorf("invite %s: %w", name, err)
	}
	public, err := restconn.New(s.owner.Base(), "")
	if err != nil {
		return nil, err
	}
	accepted, err := directoryv1.NewMemberServiceClient(public).AcceptInvitation(ctx, &directoryv1.AcceptInvitationRequest{
		Code: invited.GetCode(), DisplayName: name, TimeZone: zone,
	})
	if err != nil {
		return nil, fmt.Errorf("accept %s's invitation: %w", name, err)
	}
	conn, err := restconn.New(s.owner.Base(), accepted.GetSecret())
	if err != nil {
		return nil, err
	}
	p := &person{
		name: name, place: place, member: accepted.GetMember().GetName(), conn: conn,
		messages: threadsv1.NewMessageServiceClient(conn), asks: threadsv1.NewAskServiceClient(conn),
		tasks: tasksv1.NewTaskServiceClient(conn), handoffs: tasksv1.NewHandoffServiceClient(conn),
		availability: availabilityv1.NewAvailabilityServiceClient(conn), inbox: notificationsv1.NewInboxServiceClient(conn),
	}
	_, err = availabilityv1.NewScheduleServiceClient(conn).CreateWorkingSchedule(ctx, &availabilityv1.CreateWorkingScheduleRequest{
		Parent: p.member, WorkingSchedule: &availabilityv1.WorkingSchedule{TimeZone: zone, Windows: hours()}, RequestId: uuid.NewString(),
	})
	if err != nil {
		return nil, fmt.Errorf("set %s's hours: %w", name, err)
	}
	return p, nil
}

// gather makes the people, Dai's leave, the team, and where they work.
func (s *story) gather(ctx context.Context) error {
	for _, one := range []struct {
		person **person
		name   string
		zone   string
	}{{&s.ana, "Ana", "Europe/London"}, {&s.ben, "Ben", "America/Chicago"}, {&s.chitra, "Chitra", "Asia/Kolkata"}, {&s.dai, "Dai", "Pacific/Auckland"}} {
		var err error
		if *one.person, err = s.join(ctx, one.name, one.zone); err != nil {
			return err
		}
	}
	first := s.dai.place.DateAt(s.tuesday) - 1
	_, err := availabilityv1.NewTimeOffServiceClient(s.dai.conn).CreateTimeOff(ctx, &availabilityv1.CreateTimeOffRequest{
		Parent: s.dai.member, RequestId: uuid.NewString(), TimeOff: &availabilityv1.TimeOff{
			Kind: availabilityv1.TimeOff_VACATION, StartDate: dateOf(first), EndDate: dateOf(first + leaveDays),
		},
	})
	if err != nil {
		return fmt.Errorf("take Dai's leave: %w", err)
	}
	return s.place(ctx)
}

// place makes the team, the space, the thread and the project.
func (s *story) place(ctx context.Context) error {
	teams := directoryv1.NewTeamServiceClient(s.owner)
	team, err := teams.CreateTeam(ctx, &directoryv1.CreateTeamRequest{
		Parent: s.workspace, Team: &directoryv1.Team{DisplayName: "Relay " + s.run}, RequestId: uuid.NewString(),
	})
	if err != nil {
		return fmt.Errorf("make the team: %w", err)
	}
	s.team = team.GetName()
	_, err = teams.AddTeamMembers(ctx, &directoryv1.AddTeamMembersRequest{
		Name: s.team, Members: []*directoryv1.TeamMember{{Member: s.ben.member}, {Member: s.chitra.member}, {Member: s.dai.member}}, RequestId: uuid.NewString(),
	})
	if err != nil {
		return fmt.Errorf("fill the team: %w", err)
	}
	space, err := directoryv1.NewSpaceServiceClient(s.owner).CreateSpace(ctx, &directoryv1.CreateSpaceRequest{
		Parent: s.workspace, Space: &directoryv1.Space{DisplayName: "Payments " + s.run, Visibility: directoryv1.Space_OPEN}, RequestId: uuid.NewString(),
	})
	if err != nil {
		return fmt.Errorf("make the space: %w", err)
	}
	thread, err := threadsv1.NewThreadServiceClient(s.ana.conn).CreateThread(ctx, &threadsv1.CreateThreadRequest{
		Parent: s.workspace, Thread: &threadsv1.Thread{Space: space.GetName(), Title: "Move payments to the new cluster"}, RequestId: uuid.NewString(),
	})
	if err != nil {
		return fmt.Errorf("make the thread: %w", err)
	}
	s.thread = thread.GetName()
	project, err := tasksv1.NewProjectServiceClient(s.ana.conn).CreateProject(ctx, &tasksv1.CreateProjectRequest{
		Parent: s.workspace, RequestId: uuid.NewString(),
		Project: &tasksv1.Project{Space: space.GetName(), Key: "R" + strings.ToUpper(s.run), DisplayName: "Payments"},
	})
	if err != nil {
		return fmt.Errorf("make the project: %w", err)
	}
	s.project = project.GetName()
	return nil
}

func dateOf(d worktime.Date) *date.Date {
	year, month, day := d.Parts()
	return &date.Date{Year: int32(year), Month: int32(month), Day: int32(day)}
}
