package domain

// AccessRow is one row of what decides who may do what: exactly one of its fields is set.
type AccessRow struct {
	Workspace  *Workspace
	Member     *Member
	Team       *Team
	TeamMember *TeamMember
	Space      *Space
	Access     *SpaceAccess
}
