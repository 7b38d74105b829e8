package app

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// Store is the service's database. Every method is confined to the workspace it is given.
type Store interface {
	RotationStore
	ZoneRules
	CoverageStore
	PresenceStore

	// Records returns what is known of the working time of members between two instants, those that are not there left out,
	// in a fixed number of statements.
	Records(ctx context.Context, ws uuid.UUID, members []uuid.UUID, from, until time.Time) (map[uuid.UUID]domain.Record, error)
	// Response returns how long people have to answer in the workspace.
	Response(ctx context.Context, ws uuid.UUID) (domain.Windows, error)
	// Member is nil for a member of the workspace, else NotFound.
	Member(ctx context.Context, ws, member uuid.UUID) error
	// TeamMembers returns the ACTIVE members of a team, at most so many of them, in the order of their ids; NotFound for no
	// such team.
	TeamMembers(ctx context.Context, ws, team uuid.UUID, most int) ([]uuid.UUID, error)

	// Schedule returns one version of a member's hours, Schedules them all, the newest first.
	Schedule(ctx context.Context, ws, member, schedule uuid.UUID) (domain.Schedule, error)
	Schedules(ctx context.Context, ws, member uuid.UUID, p Page) (page.Result[domain.Schedule, Cursor], error)
	// DefaultSchedule returns one version of the workspace's hours, DefaultSchedules them all, the newest first.
	DefaultSchedule(ctx context.Context, ws, schedule uuid.UUID) (domain.DefaultSchedule, error)
	DefaultSchedules(ctx context.Context, ws uuid.UUID, p Page) (page.Result[domain.DefaultSchedule, Cursor], error)
	// TimeOff returns a time off of a member, TimeOffs them all, or those that are approved alone, the newest first.
	TimeOff(ctx context.Context, ws, member, timeOff uuid.UUID) (domain.TimeOff, error)
	TimeOffs(ctx context.Context, ws, member uuid.UUID, approved bool, p Page) (page.Result[domain.TimeOff, Cursor], error)
	// TimeOffRequests are the times off that wait for an approval, the newest first; TimeOffRequestsOf those of members whose
	// manager is one of some, without a reader's own.
	TimeOffRequests(ctx context.Context, ws uuid.UUID, p Page) (page.Result[domain.TimeOff, Cursor], error)
	TimeOffRequestsOf(
		ctx context.Context, ws uuid.UUID, managers []uuid.UUID, reader uuid.UUID, p Page,
	) (page.Result[domain.TimeOff, Cursor], error)
	// Requests are a member's times off that wait for an approval.
	Requests(ctx context.Context, ws, member uuid.UUID) ([]domain.TimeOff, error)
	// TimeOffPolicy is how the workspace gives time off, Reporting whom a member reports to.
	TimeOffPolicy(ctx context.Context, ws uuid.UUID) (domain.TimeOffPolicy, error)
	Reporting(ctx context.Context, ws, member uuid.UUID) (Reporting, error)

	Calendars
	Feeds
	SourceReader

	// Layer returns a layer of a member, deleted or not; Layers all of a kind that are not deleted, the newest first.
	Layer(ctx context.Context, ws, member uuid.UUID, kind domain.LayerKind, layer uuid.UUID) (domain.Layer, error)
	Layers(ctx context.Context, ws, member uuid.UUID, kind domain.LayerKind, p Page) (page.Result[domain.Layer, Cursor], error)
	// Delegation returns a delegation of a member that was not deleted, Delegations them all, the newest first: with public
	// without those on a time off that is not APPROVED.
	Delegation(ctx context.Context, ws, member, delegation uuid.UUID) (domain.Delegation, error)
	Delegations(ctx context.Context, ws, member uuid.UUID, public bool, p Page) (page.Result[domain.Delegation, Cursor], error)
	// ActedFor are those for whom some act by themselves in a kind at an instant; a delegation on a time off may not hold.
	ActedFor(ctx context.Context, ws uuid.UUID, delegates []uuid.UUID, kind domain.DelegationKind, at time.Time) ([]uuid.UUID, error)

	// OverlapChoice returns a time to meet that was chosen, with what it asks of whom; OverlapChoices all, the newest first,
	// without that. Those that were taken back are not there.
	OverlapChoice(ctx context.Context, ws, choice uuid.UUID) (domain.OverlapChoice, error)
	OverlapChoices(ctx context.Context, ws uuid.UUID, p Page) (page.Result[domain.OverlapChoice, Cursor], error)
	// Borne are the minutes that choices since an instant have asked of members, those of whom they asked none left out.
	Borne(ctx context.Context, ws uuid.UUID, members []uuid.UUID, since time.Time) (map[uuid.UUID]int, error)

	// ZoneSeen is the version of the member at which their zone was last followed; 0 for never.
	ZoneSeen(ctx context.Context, ws, member uuid.UUID) (int64, error)
	// InTx runs fn in one transaction of the workspace, again when the database asks for it. What fn writes is sent when
	// it returns, with the commit.
	InTx(ctx context.Context, ws uuid.UUID, fn func(ctx context.Context, tx Tx) error) error
}

// Page is a page of a list in the order of ids, the newest first.
type Page = page.Request[Cursor]

// Cursor is where a page ends.
type Cursor struct {
	ID uuid.UUID `json:"i"`
}

// Tx is a transaction under way. Reads happen at once; writes are gathered and sent together at its end.
type Tx interface {
	RotationTx
	CoverageTx
	PresenceTx

	// LockMember locks the row of a member's working time; NotFound for a member who is not in the workspace.
	LockMember(ctx context.Context, member uuid.UUID) (domain.MemberTime, error)
	// LockTime is LockMember also for a member of whom the projection has not heard yet.
	LockTime(ctx context.Context, member uuid.UUID) (domain.MemberTime, error)
	// SaveMemberTime keeps what a locked one has become.
	SaveMemberTime(ctx context.Context, m domain.MemberTime) error
	// LockWorkspace locks the row of the workspace's default hours, SaveWorkspaceTime keeps what it has become.
	LockWorkspace(ctx context.Context) (domain.WorkspaceTime, error)
	SaveWorkspaceTime(ctx context.Context, w domain.WorkspaceTime) error

	// Records is Store.Records; Record is that of one member.
	Records(ctx context.Context, members []uuid.UUID, from, until time.Time) (map[uuid.UUID]domain.Record, error)
	Record(ctx context.Context, member uuid.UUID, from, until time.Time) (domain.Record, error)
	// AddSchedule adds a version of a member's hours, and cuts those before it where it starts.
	AddSchedule(ctx context.Context, s domain.Schedule) error
	// AddDefaultSchedule adds a version of the workspace's hours.
	AddDefaultSchedule(ctx context.Context, d domain.DefaultSchedule) error
	// AddTimeOff adds a time off, SaveTimeOff keeps what it has become.
	AddTimeOff(ctx context.Context, t domain.TimeOff) error
	SaveTimeOff(ctx context.Context, t domain.TimeOff) error
	// TimeOff returns a time off of a locked member.
	TimeOff(ctx context.Context, member, timeOff uuid.UUID) (domain.TimeOff, error)
	// Requests and Reporting are those of Store. Requesters are the members of whom some wait for a manager, in one order.
	Requests(ctx context.Context, member uuid.UUID) ([]domain.TimeOff, error)
	Requesters(ctx context.Context, manager uuid.UUID) ([]uuid.UUID, error)
	Reporting(ctx context.Context, member uuid.UUID) (Reporting, error)
	// TimeOffPolicy is how the workspace gives time off, SaveTimeOffPolicy keeps what it has become.
	TimeOffPolicy(ctx context.Context) (domain.TimeOffPolicy, error)
	SaveTimeOffPolicy(ctx context.Context, p domain.TimeOffPolicy) error
	// LockDelegations keeps others from making delegations in the workspace until the end.
	LockDelegations(ctx context.Context) error
	// CountAhead is how many schedules, layers, times off and delegations of a member are not over.
	CountAhead(ctx context.Context, member uuid.UUID, now time.Time) (int, error)
	// AddDelegation adds a delegation, EndDelegation keeps when it was deleted.
	AddDelegation(ctx context.Context, d domain.Delegation) error
	EndDelegation(ctx context.Context, d domain.Delegation) error
	// Delegation returns a delegation of a locked member that was not deleted.
	Delegation(ctx context.Context, member, delegation uuid.UUID) (domain.Delegation, error)
	// LockOverlapChoice locks a time to meet that was chosen, without what it asks of whom.
	LockOverlapChoice(ctx context.Context, choice uuid.UUID) (domain.OverlapChoice, error)
	// AddOverlapChoice adds a choice, EndOverlapChoice takes it back.
	AddOverlapChoice(ctx context.Context, c domain.OverlapChoice) error
	EndOverlapChoice(ctx context.Context, choice uuid.UUID, at time.Time) error

	// Layer is Store.Layer of a locked member.
	Layer(ctx context.Context, member uuid.UUID, kind domain.LayerKind, layer uuid.UUID) (domain.Layer, error)
	// LayerOver returns a layer that is of the kind of another, not deleted, and has one of its dates; nil for none.
	LayerOver(ctx context.Context, l domain.Layer) (*domain.Layer, error)
	// AddLayer adds a layer, DeleteLayer keeps when it was deleted.
	AddLayer(ctx context.Context, l domain.Layer) error
	DeleteLayer(ctx context.Context, l domain.Layer) error
	// CountInheriting is how many ACTIVE members have no hours of their own at an instant.
	CountInheriting(ctx context.Context, at time.Time) (int, error)

	CalendarsTx
	FeedsTx

	// OpenZone returns the zone that the profile of a locked member has now; false for none yet.
	OpenZone(ctx context.Context, member uuid.UUID) (domain.ZonePeriod, bool, error)
	// SeeZone notes the version at which the directory said the open zone again.
	SeeZone(ctx context.Context, member uuid.UUID, seen int64) error
	// MoveZone ends the open zone, if there is one, where the next starts, and begins that.
	MoveZone(ctx context.Context, member uuid.UUID, next domain.ZonePeriod) error

	// EndZoneUpdate ends what a member waits to be told of; false when somebody else did.
	EndZoneUpdate(ctx context.Context, u ZoneUpdate) (bool, error)

	// Replay claims the request for the resource of that name, at once. replayed says that the same request was made
	// before, for the resource prior.
	Replay(ctx context.Context, name string) (prior string, replayed bool, err error)
	// First claims the event under way for its consumer; false says that its effect was made before.
	First(ctx context.Context) (bool, error)
	// Publish publishes events with the transaction, in their order. Their aggregates' rows must be locked by it.
	Publish(ctx context.Context, at time.Time, actor string, events ...domain.Event) error
}
