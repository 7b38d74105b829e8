package domain

import (
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
)

// The life of API tokens, by machine time.
const (
	// TokenLife is how long a token lives when its maker does not say.
	TokenLife = 90 * 24 * time.Hour
	// MaxTokenLife is how long a token lives at most.
	MaxTokenLife = 366 * 24 * time.Hour
	// MaxLiveTokens is how many live tokens a member may have.
	MaxLiveTokens = 100
	// TokenUseGrain is how exactly the last use of a token is noted.
	TokenUseGrain = time.Minute
)

// Token is an API token. Its text is kept nowhere.
type Token struct {
	// Workspace, Member and ID name the token.
	Workspace, Member, ID uuid.UUID
	// Creator is the member who made it.
	Creator uuid.UUID
	// DisplayName is what it is for.
	DisplayName string
	// Scopes are what it may be used for.
	Scopes []string
	// Hash is the SHA-256 of its text.
	Hash []byte
	// ExpireTime is when it ends, by machine time.
	ExpireTime time.Time
	// LastUsed is when it was last used, by machine time and to the minute; zero for never.
	LastUsed time.Time
	// RevokeTime is when it was revoked; zero while it was not.
	RevokeTime time.Time
	// Version counts its changes, from 1.
	Version int64
	// CreateTime is when it was made.
	CreateTime time.Time
}

// Name is the token's resource name.
func (t *Token) Name() string { return TokenName(t.Workspace, t.Member, t.ID) }

// TokenExpiry is when a new token ends: when asked, or in 90 days. A time that is past or beyond 366 days is Invalid.
func TokenExpiry(asked, machine time.Time) (time.Time, error) {
	if asked.IsZero() {
		return machine.Add(TokenLife), nil
	}
	if !asked.After(machine) || asked.After(machine.Add(MaxTokenLife)) {
		return time.Time{}, fault.InvalidField("api_token.expire_time", "must lie ahead, by at most 366 days")
	}
	return asked, nil
}

// Live says whether the token may be used.
func (t *Token) Live(machine time.Time) bool {
	return t.RevokeTime.IsZero() && machine.Before(t.ExpireTime)
}

// Used says whether a use now is to be noted: not when one was within the last minute.
func (t *Token) Used(machine time.Time) bool { return t.LastUsed.Before(machine.Add(-TokenUseGrain)) }

// Revoke ends the token and says whether that changed anything.
func (t *Token) Revoke(now time.Time) bool {
	if !t.RevokeTime.IsZero() {
		return false
	}
	t.RevokeTime, t.Version = now, t.Version+1
	return true
}

// MayMakeToken refuses a token that the actor may not make for a member: Denied. People make only their own; an
// ADMIN makes those of service accounts whose role is not above their own.
func MayMakeToken(m Member, actor Role, self bool) error {
	switch {
	case self && m.Kind == Person:
		return nil
	case m.Kind == ServiceAccount && actor >= Admin && actor >= m.Role:
		return nil
	}
	return fault.DeniedFor("make this token: people make their own, administrators those of service accounts")
}

// TokenLimit refuses one more token: Precondition, TOKEN_LIMIT.
func TokenLimit(m Member, live int) error {
	if live < MaxLiveTokens {
		return nil
	}
	return fault.New(fault.Precondition, ReasonTokenLimit, "a member has at most %d live tokens; revoke one", MaxLiveTokens).
		WithPrecondition("TOKEN_LIMIT", m.Name(), "has fewer live tokens")
}
