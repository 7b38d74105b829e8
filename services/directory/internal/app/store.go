package app

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/directory/internal/domain"
)

// Cursor is where a page of a sorted list ended: the sort key's text and the id.
type Cursor struct {
	Value string    `json:"v"`
	ID    uuid.UUID `json:"i"`
}

// Listing is what a list is asked for: its page, conditions and order. Fields are those of the resource.
type Listing struct {
	Page   page.Request[Cursor]
	Filter page.Filter
	Order  page.Order
}

// AccessCursor is where a page of the access snapshot ended.
type AccessCursor struct {
	Kind      int       `json:"k"`
	Workspace uuid.UUID `json:"w"`
	ID        uuid.UUID `json:"i"`
	Second    uuid.UUID `json:"s"`
}

// TokenHolder is an API token with its member.
type TokenHolder struct {
	Token  domain.Token
	Member domain.Member
}

// Store keeps the directory. What is not there is fault NotFound with its name, unless said otherwise.
type Store interface {
	// InTx runs fn in a transaction of a workspace; fn may run again and must be safe to.
	InTx(ctx context.Context, ws uuid.UUID, fn func(context.Context, Tx) error) error
	// Found is InTx for the founding of a workspace, when nobody belongs to it yet.
	Found(ctx context.Context, ws uuid.UUID, fn func(context.Context, Tx) error) error
	reader
	lists
	gate
	keyStore
	accessStore
	subscriptionStore
}

// reader reads one row, or the rows of one thing.
type reader interface {
	Workspace(ctx context.Context, ws uuid.UUID) (domain.Workspace, error)
	Member(ctx context.Context, ws, member uuid.UUID) (domain.Member, error)
	// Team also returns deleted teams.
	Team(ctx context.Context, ws, team uuid.UUID) (domain.Team, error)
	Space(ctx context.Context, ws, space uuid.UUID) (domain.Space, error)
	// SpaceRight is what a member may do in a space, NoRight where either is not there.
	SpaceRight(ctx context.Context, ws, member, space uuid.UUID) (domain.Right, error)
	Token(ctx context.Context, ws, member, token uuid.UUID) (domain.Token, error)
}

// lists reads pages.
type lists interface {
	// Workspaces pages over all workspaces, oldest first.
	Workspaces(ctx context.Context, p page.Request[Cursor]) (page.Result[domain.Workspace, Cursor], error)
	Members(ctx context.Context, ws uuid.UUID, l Listing) (page.Result[domain.Member, Cursor], error)
	// Teams leaves out the deleted.
	Teams(ctx context.Context, ws uuid.UUID, l Listing) (page.Result[domain.Team, Cursor], error)
	// TeamMembers leaves out those who left.
	TeamMembers(ctx context.Context, ws, team uuid.UUID, p page.Request[Cursor]) (page.Result[domain.TeamMember, Cursor], error)
	// Spaces returns those that the member may read; all of them for the zero member.
	Spaces(ctx context.Context, ws, member uuid.UUID, l Listing) (page.Result[domain.Space, Cursor], error)
	// SpaceAccess leaves out what was taken away, and the rights of deleted teams.
	SpaceAccess(ctx context.Context, ws, space uuid.UUID, p page.Request[Cursor]) (page.Result[domain.SpaceAccess, Cursor], error)
	// Tokens are a member's, newest first.
	Tokens(ctx context.Context, ws, member uuid.UUID, p page.Request[Cursor]) (page.Result[domain.Token, Cursor], error)
	// Audits are newest first, whatever the order asked for.
	Audits(ctx context.Context, ws uuid.UUID, l Listing) (page.Result[domain.Audit, Cursor], error)
}

// gate finds by a secret's hash what names no workspace. NotFound carries no name.
type gate interface {
	InvitationByCode(ctx context.Context, hash []byte) (domain.Invitation, error)
	TokenByHash(ctx context.Context, hash []byte) (TokenHolder, error)
	// TouchToken notes a use of the token, unless one was noted within the grain.
	TouchToken(ctx context.Context, t domain.Token, machine time.Time) error
}

// keyStore keeps the signing keys and the row of work that rotates them.
type keyStore interface {
	Keys(ctx context.Context) ([]domain.Key, error)
	// RotateKeys runs fn alone: it is given the keys and returns those to add and to throw away, and when the next
	// rotation is due. The row of work is made where there is none.
	RotateKeys(ctx context.Context, fn func(keys []domain.Key) (Rotation, error)) error
	// ClaimRotation takes the rotation for the lease, when it is due by now and nobody holds it.
	ClaimRotation(ctx context.Context, now time.Time, lease time.Duration) (bool, error)
	// NextRotation is when it is due; false before the first.
	NextRotation(ctx context.Context) (time.Time, bool, error)
}

// Rotation is what a rotation changes.
type Rotation struct {
	Add  []domain.Key
	Drop []string
	Due  time.Time
}

// accessStore reads what decides who may do what, for the services.
type accessStore interface {
	// AccessSnapshot pages over the rows of one workspace, or of all for the zero id.
	AccessSnapshot(ctx context.Context, only uuid.UUID, p page.Request[AccessCursor]) (page.Result[domain.AccessRow, AccessCursor], error)
	// AccessOf returns what is there of the workspace, a member, its teams, and, unless zero, the space and the rights on it.
	AccessOf(ctx context.Context, ws, member, space uuid.UUID) ([]domain.AccessRow, error)
}

// Tx is a transaction of one workspace. Lock methods hold the row until its end.
type Tx interface {
	// Replay claims the caller's request id for a resource's name; with replayed, prior is the name claimed before.
	Replay(ctx context.Context, name string) (prior string, replayed bool, err error)
	// Publish sends the events on their way, by the transaction's commit.
	Publish(ctx context.Context, actor string, at time.Time, events ...domain.Event) error
	InsertAudit(ctx context.Context, a domain.Audit) error
	// First claims the event under way for its consumer; false says that its effect was made before.
	First(ctx context.Context) (bool, error)
	workspaceTx
	memberTx
	teamTx
	spaceTx
	tokenTx
	subscriptionTx
}

type workspaceTx interface {
	InsertWorkspace(ctx context.Context, w domain.Workspace) error
	LockWorkspace(ctx context.Context, ws uuid.UUID) (domain.Workspace, error)
	UpdateWorkspace(ctx context.Context, w domain.Workspace) error
	// ClaimHandle takes a handle for a member or a team; false where it is taken.
	ClaimHandle(ctx context.Context, ws uuid.UUID, handle string, holder uuid.UUID) (bool, error)
	ReleaseHandle(ctx context.Context, ws uuid.UUID, handle string, holder uuid.UUID) error
	// TakenHandles are base and those of it with a number behind, as far as they are taken.
	TakenHandles(ctx context.Context, ws uuid.UUID, base string) ([]string, error)
}

type memberTx interface {
	// InsertMember and UpdateMember refuse an address that another member has: AlreadyExists, field email.
	InsertMember(ctx context.Context, m domain.Member) error
	UpdateMember(ctx context.Context, m domain.Member) error
	LockMember(ctx context.Context, ws, member uuid.UUID) (domain.Member, error)
	// MembersByEmail and MembersByID return those that are there, in no order.
	MembersByEmail(ctx context.Context, ws uuid.UUID, emails []string) ([]domain.Member, error)
	MembersByID(ctx context.Context, ws uuid.UUID, ids []uuid.UUID) ([]domain.Member, error)
	// OtherOwners counts the ACTIVE owners beside one member.
	OtherOwners(ctx context.Context, ws, member uuid.UUID) (int, error)
	PutInvitation(ctx context.Context, i domain.Invitation) error
	// Invitation is a member's open one; false where there is none.
	Invitation(ctx context.Context, ws, member uuid.UUID) (domain.Invitation, bool, error)
	DeleteInvitation(ctx context.Context, ws, member uuid.UUID) error
}

type teamTx interface {
	InsertTeam(ctx context.Context, t domain.Team) error
	UpdateTeam(ctx context.Context, t domain.Team) error
	// LockTeam finds no deleted team.
	LockTeam(ctx context.Context, ws, team uuid.UUID) (domain.Team, error)
	// TeamsByID returns those that are there and not deleted, in no order.
	TeamsByID(ctx context.Context, ws uuid.UUID, ids []uuid.UUID) ([]domain.Team, error)
	// TeamMembersByID returns what is known of some members' belonging to a team, its end included.
	TeamMembersByID(ctx context.Context, ws, team uuid.UUID, ids []uuid.UUID) ([]domain.TeamMember, error)
	// PutTeamMembers writes changes of one team and one version.
	PutTeamMembers(ctx context.Context, changes []domain.TeamMember) error
}

type spaceTx interface {
	InsertSpace(ctx context.Context, s domain.Space) error
	UpdateSpace(ctx context.Context, s domain.Space) error
	LockSpace(ctx context.Context, ws, space uuid.UUID) (domain.Space, error)
	SpaceRight(ctx context.Context, ws, member, space uuid.UUID) (domain.Right, error)
	// SpaceAccessByID returns what is known of some principals' rights on a space, their end included.
	SpaceAccessByID(ctx context.Context, ws, space uuid.UUID, ids []uuid.UUID) ([]domain.SpaceAccess, error)
	// PutSpaceAccess writes changes of one space and one version.
	PutSpaceAccess(ctx context.Context, changes []domain.SpaceAccess) error
}

type tokenTx interface {
	InsertToken(ctx context.Context, t domain.Token) error
	LockToken(ctx context.Context, ws, member, token uuid.UUID) (domain.Token, error)
	// LockLiveTokens locks those neither revoked nor expired.
	LockLiveTokens(ctx context.Context, ws, member uuid.UUID, machine time.Time) ([]domain.Token, error)
	CountLiveTokens(ctx context.Context, ws, member uuid.UUID, machine time.Time) (int, error)
	RevokeToken(ctx context.Context, t domain.Token) error
}
