package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/meridian/internal/restconn"
)

// Client holds the flags of all commands.
type Client struct {
	Server string `help:"The gateway's HTTP address." env:"MERIDIAN_SERVER" default:"http://127.0.0.1:8080" placeholder:"URL"`
	Secret string `name:"token" help:"API token. Without one, the owner's token in the data folder is used where it can be read." env:"MERIDIAN_TOKEN" placeholder:"TOKEN"`
	Data   string `help:"Data folder of meridian up." env:"MERIDIAN_DATA" default:".meridian" placeholder:"FOLDER"`
	JSON   bool   `name:"json" help:"Print JSON."`
}

// OwnerTokenFile is the file in the data folder that keeps the owner's token.
const OwnerTokenFile = "owner.token"

// errNoToken is said when nobody gave a token.
var errNoToken = errors.New("no token: give --token or MERIDIAN_TOKEN, or run this where the data folder's owner.token can be read")

// session is a command's connection, as a member of a workspace.
type session struct {
	conn      *restconn.Conn
	workspace string
	output

	workspaces directoryv1.WorkspaceServiceClient
	members    directoryv1.MemberServiceClient
	spaces     directoryv1.SpaceServiceClient
	teams      directoryv1.TeamServiceClient
	tokens     directoryv1.TokenServiceClient
	threads    threadsv1.ThreadServiceClient
	messages   threadsv1.MessageServiceClient
	search     threadsv1.SearchServiceClient
	asks       threadsv1.AskServiceClient

	schedules    availabilityv1.ScheduleServiceClient
	timeOffs     availabilityv1.TimeOffServiceClient
	calendars    availabilityv1.CalendarServiceClient
	feeds        availabilityv1.CalendarFeedServiceClient
	delegations  availabilityv1.DelegationServiceClient
	travels      availabilityv1.TravelServiceClient
	overrides    availabilityv1.DateOverrideServiceClient
	focuses      availabilityv1.FocusBlockServiceClient
	holidays     availabilityv1.HolidayServiceClient
	availability availabilityv1.AvailabilityServiceClient
	rotations    availabilityv1.RotationServiceClient
	teamTimes    availabilityv1.TeamTimeServiceClient
	projects     tasksv1.ProjectServiceClient
	tasks        tasksv1.TaskServiceClient
	handoffs     tasksv1.HandoffServiceClient
	inbox        notificationsv1.InboxServiceClient
}

// open connects and finds the token's workspace.
func (c *Client) open(ctx context.Context, streams Streams) (*session, error) {
	secret, err := c.secret()
	if err != nil {
		return nil, err
	}
	conn, err := restconn.New(c.Server, secret)
	if err != nil {
		return nil, err
	}
	s := sessionOn(conn, output{streams: streams, json: c.JSON})
	list, err := s.workspaces.ListWorkspaces(ctx, &directoryv1.ListWorkspacesRequest{PageSize: 1})
	if err != nil {
		return nil, err
	}
	if len(list.GetWorkspaces()) == 0 {
		return nil, errors.New("the token reaches no workspace")
	}
	s.workspace = list.GetWorkspaces()[0].GetName()
	return s, nil
}

// sessionOn is a session on a connection, of no workspace yet.
func sessionOn(conn *restconn.Conn, out output) *session {
	return &session{
		conn:       conn,
		output:     out,
		workspaces: directoryv1.NewWorkspaceServiceClient(conn),
		members:    directoryv1.NewMemberServiceClient(conn),
		spaces:     directoryv1.NewSpaceServiceClient(conn),
		teams:      directoryv1.NewTeamServiceClient(conn),
		tokens:     directoryv1.NewTokenServiceClient(conn),
		threads:    threadsv1.NewThreadServiceClient(conn),
		messages:   threadsv1.NewMessageServiceClient(conn),
		search:     threadsv1.NewSearchServiceClient(conn),
		asks:       threadsv1.NewAskServiceClient(conn),

		schedules:    availabilityv1.NewScheduleServiceClient(conn),
		timeOffs:     availabilityv1.NewTimeOffServiceClient(conn),
		delegations:  availabilityv1.NewDelegationServiceClient(conn),
		calendars:    availabilityv1.NewCalendarServiceClient(conn),
		feeds:        availabilityv1.NewCalendarFeedServiceClient(conn),
		travels:      availabilityv1.NewTravelServiceClient(conn),
		overrides:    availabilityv1.NewDateOverrideServiceClient(conn),
		focuses:      availabilityv1.NewFocusBlockServiceClient(conn),
		holidays:     availabilityv1.NewHolidayServiceClient(conn),
		availability: availabilityv1.NewAvailabilityServiceClient(conn),
		rotations:    availabilityv1.NewRotationServiceClient(conn),
		teamTimes:    availabilityv1.NewTeamTimeServiceClient(conn),
		projects:     tasksv1.NewProjectServiceClient(conn),
		tasks:        tasksv1.NewTaskServiceClient(conn),
		handoffs:     tasksv1.NewHandoffServiceClient(conn),
		inbox:        notificationsv1.NewInboxServiceClient(conn),
	}
}

// secret is the token to use: the one given, else the owner's in the data folder.
func (c *Client) secret() (string, error) {
	if c.Secret != "" {
		return strings.TrimSpace(c.Secret), nil
	}
	data, err := os.ReadFile(filepath.Join(c.Data, OwnerTokenFile))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
		return "", errNoToken
	}
	if err != nil {
		return "", fmt.Errorf("reading the owner's token: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}
