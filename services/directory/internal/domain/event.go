package domain

// Event is a fact that the directory publishes. Each is one of the types below; wire gives it its published form.
type Event interface{ fact() }

type (
	// WorkspaceCreated says that a workspace was made.
	WorkspaceCreated struct{ Workspace Workspace }
	// WorkspaceUpdated says which of a workspace's fields changed.
	WorkspaceUpdated struct {
		Workspace Workspace
		Changed   []string
	}
	// WorkspaceRestored says that a workspace's data was put back to an earlier state.
	WorkspaceRestored struct {
		Workspace Workspace
		Restore   Restore
	}
	// MemberInvited says that a member is INVITED.
	MemberInvited struct{ Member Member }
	// MemberActivated says that a member is ACTIVE.
	MemberActivated struct{ Member Member }
	// MemberUpdated says which of a member's fields changed.
	MemberUpdated struct {
		Member  Member
		Changed []string
	}
	// MemberDeactivated says that a member may no longer sign in.
	MemberDeactivated struct{ Member Member }
	// TeamCreated says that a team was made.
	TeamCreated struct{ Team Team }
	// TeamUpdated says which of a team's fields changed.
	TeamUpdated struct {
		Team    Team
		Changed []string
	}
	// TeamDeleted says that a team is no more.
	TeamDeleted struct{ Team Team }
	// TeamMembersChanged says who joined a team, left it, or leads it now.
	TeamMembersChanged struct {
		Team    Team
		Changes []TeamMember
	}
	// SpaceCreated says that a space was made.
	SpaceCreated struct{ Space Space }
	// SpaceUpdated says which of a space's fields changed.
	SpaceUpdated struct {
		Space   Space
		Changed []string
	}
	// SpaceAccessChanged says which rights on a space were given, changed and taken away.
	SpaceAccessChanged struct {
		Space   Space
		Changes []SpaceAccess
	}
	// TokenCreated says that an API token was made.
	TokenCreated struct{ Token Token }
	// TokenRevoked says that an API token was revoked.
	TokenRevoked struct{ Token Token }
	// SubscriptionCreated says that an event subscription was made.
	SubscriptionCreated struct{ Subscription Subscription }
	// SubscriptionDeleted says that an event subscription is no more.
	SubscriptionDeleted struct{ Subscription Subscription }
	// AuditRecorded says that an audit record was written.
	AuditRecorded struct{ Audit Audit }
)

func (WorkspaceCreated) fact()    {}
func (WorkspaceUpdated) fact()    {}
func (WorkspaceRestored) fact()   {}
func (MemberInvited) fact()       {}
func (MemberActivated) fact()     {}
func (MemberUpdated) fact()       {}
func (MemberDeactivated) fact()   {}
func (TeamCreated) fact()         {}
func (TeamUpdated) fact()         {}
func (TeamDeleted) fact()         {}
func (TeamMembersChanged) fact()  {}
func (SpaceCreated) fact()        {}
func (SpaceUpdated) fact()        {}
func (SpaceAccessChanged) fact()  {}
func (TokenCreated) fact()        {}
func (TokenRevoked) fact()        {}
func (SubscriptionCreated) fact() {}
func (SubscriptionDeleted) fact() {}
func (AuditRecorded) fact()       {}
