package app

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/worktime"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// Feeds is what the store keeps of calendar feeds.
type Feeds interface {
	// Feed returns a feed, one that was deleted only where deleted says so.
	Feed(ctx context.Context, ws, feed uuid.UUID, deleted bool) (domain.Feed, error)
	// Feeds lists the feeds of the member or the team that of names, the newest first.
	Feeds(ctx context.Context, of domain.Feed, p Page) (page.Result[domain.Feed, Cursor], error)
	// FeedOfSecret returns the feed of any workspace whose secret has a hash; NotFound for none.
	FeedOfSecret(ctx context.Context, hash []byte) (domain.Feed, error)
	// TeamName returns what a team is called; NotFound for no such team.
	TeamName(ctx context.Context, ws, team uuid.UUID) (string, error)
	// Leads says whether a member leads a team.
	Leads(ctx context.Context, ws, team, member uuid.UUID) (bool, error)
}

// FeedsTx is a transaction's part of it.
type FeedsTx interface {
	// CountFeeds is how many feeds a member or a team has, the one that is locked.
	CountFeeds(ctx context.Context, of domain.Feed) (int, error)
	// AddFeed adds a feed with the hash of its secret. DeleteFeed takes the secret away.
	AddFeed(ctx context.Context, f domain.Feed, hash []byte) error
	DeleteFeed(ctx context.Context, f domain.Feed) error
}

// feeding returns who calls, where they may have feeds of the member or the team that of names, who must be there.
func (a *App) feeding(ctx context.Context, of domain.Feed) (auth.Caller, error) {
	caller, err := a.caller(ctx, of.Workspace)
	if err != nil {
		return caller, err
	}
	may := caller.Role >= auth.Admin || of.Member != uuid.Nil && caller.Member == of.Member
	if of.Team == uuid.Nil {
		if err := a.there(ctx, of.Workspace, of.Member); err != nil {
			return caller, err
		}
	} else {
		if _, err := a.store.TeamName(ctx, of.Workspace, of.Team); err != nil {
			return caller, err
		}
		if !may {
			if may, err = a.store.Leads(ctx, of.Workspace, of.Team, caller.Member); err != nil {
				return caller, err
			}
		}
	}
	if !may {
		return caller, fault.DeniedFor("have calendar feeds of " + of.Parent())
	}
	return caller, nil
}

// Feed returns a feed of a member or a team.
func (a *App) Feed(ctx context.Context, of domain.Feed) (domain.Feed, error) {
	if _, err := a.feeding(ctx, of); err != nil {
		return domain.Feed{}, err
	}
	return a.feedOf(ctx, of, false)
}

// feedOf is a feed of just the member or the team that its name says.
func (a *App) feedOf(ctx context.Context, of domain.Feed, deleted bool) (domain.Feed, error) {
	f, err := a.store.Feed(ctx, of.Workspace, of.ID, deleted)
	if fault.Is(err, fault.NotFound) || err == nil && (f.Member != of.Member || f.Team != of.Team) {
		return domain.Feed{}, fault.NotFoundName(of.Name())
	}
	return f, err
}

// Feeds lists the feeds of a member or a team, the newest first.
func (a *App) Feeds(ctx context.Context, of domain.Feed, p Page) (page.Result[domain.Feed, Cursor], error) {
	if _, err := a.feeding(ctx, of); err != nil {
		return page.Result[domain.Feed, Cursor]{}, err
	}
	return a.store.Feeds(ctx, of, p)
}

// CreateFeed makes a feed and the secret of its URL, which is kept nowhere. A request done before is AlreadyExists. With dry
// nothing is kept, and the secret opens nothing.
func (a *App) CreateFeed(ctx context.Context, f domain.Feed, dry bool) (domain.Feed, string, error) {
	caller, err := a.feeding(ctx, f)
	if err != nil {
		return f, "", err
	}
	if f.ID, err = newID(); err != nil {
		return f, "", err
	}
	f.Creator = caller.Member
	secret, hash := auth.NewFeedSecret()
	err = a.store.InTx(ctx, f.Workspace, func(ctx context.Context, tx Tx) error {
		if !dry {
			if err := once(ctx, tx, f); err != nil {
				return err
			}
		}
		if err := lockFeeds(ctx, tx, f); err != nil {
			return err
		}
		had, err := tx.CountFeeds(ctx, f)
		if err != nil {
			return err
		}
		if err := f.Check(had); err != nil {
			return err
		}
		f.CreateTime = a.now()
		if dry {
			return errDry
		}
		return tx.AddFeed(ctx, f, hash)
	})
	if errors.Is(err, errDry) {
		err = nil
	}
	return f, secret, err
}

// once refuses a request for a feed that was done before.
func once(ctx context.Context, tx Tx, f domain.Feed) error {
	prior, replayed, err := tx.Replay(ctx, f.Name())
	if err != nil || !replayed {
		return err
	}
	return fault.New(fault.AlreadyExists, fault.ReasonAlreadyExists,
		"the request was done before; its secret is not kept and cannot be shown again").With("name", prior)
}

// lockFeeds keeps others from making feeds of the same member or team until the end.
func lockFeeds(ctx context.Context, tx Tx, of domain.Feed) error {
	if of.Team != uuid.Nil {
		return tx.LockTeam(ctx, of.Team)
	}
	_, err := tx.LockTime(ctx, of.Member)
	return err
}

// DeleteFeed deletes a feed: from now on nothing has its URL. With dry it only says whether it could be.
func (a *App) DeleteFeed(ctx context.Context, of domain.Feed, fresh Fresh, dry bool) (domain.Feed, error) {
	if _, err := a.feeding(ctx, of); err != nil {
		return of, err
	}
	f := of
	err := a.store.InTx(ctx, of.Workspace, func(ctx context.Context, tx Tx) error {
		_, replayed, err := replay(ctx, tx, of.Name(), dry)
		if err != nil {
			return err
		}
		if f, err = a.feedOf(ctx, of, replayed); err != nil || replayed {
			return err
		}
		if err := fresh.check(f.Revision()); err != nil || dry {
			return err
		}
		f.DeleteTime = a.now()
		return tx.DeleteFeed(ctx, f)
	})
	return f, err
}

// FeedContent is what the feed of a secret shows. Whose time is no longer there is not found, as a secret that never was.
func (a *App) FeedContent(ctx context.Context, secret string) ([]byte, error) {
	hash, ok := auth.ParseFeedSecret(secret)
	if !ok {
		return nil, noFeed()
	}
	f, err := a.store.FeedOfSecret(ctx, hash)
	if err != nil {
		return nil, hidden(err)
	}
	if err := a.access.Current(auth.NewContext(ctx, auth.Caller{Workspace: f.Workspace})); err != nil {
		return nil, err
	}
	now := a.now()
	members, name := []uuid.UUID{f.Member}, ""
	if f.Team != uuid.Nil {
		if members, err = a.store.TeamMembers(ctx, f.Workspace, f.Team, domain.MaxTeam); err == nil {
			name, err = a.store.TeamName(ctx, f.Workspace, f.Team)
		}
		if err != nil {
			return nil, hidden(err)
		}
	}
	span := domain.FeedRange(now)
	known, err := a.people(ctx, f.Workspace, members, span.Start, span.End)
	if err != nil {
		return nil, err
	}
	var people []domain.Person
	for _, member := range members {
		if person := known[member]; person.Active {
			people = append(people, person)
		}
	}
	if f.Team == uuid.Nil {
		if len(people) == 0 {
			return nil, noFeed()
		}
		name = people[0].Name
	}
	return f.Content(name, people, now)
}

// noFeed is the refusal of a URL that names no feed.
func noFeed() error {
	return fault.New(fault.NotFound, fault.ReasonResourceNotFound, "there is no calendar feed at this URL")
}

// hidden is an error that does not tell what of a feed is not there.
func hidden(err error) error {
	if fault.Is(err, fault.NotFound) {
		return noFeed()
	}
	return err
}

// FreeBusy is when a member is free and busy between two instants, in iCalendar.
func (a *App) FreeBusy(ctx context.Context, ws, member uuid.UUID, start, end time.Time) ([]byte, error) {
	if _, err := a.caller(ctx, ws); err != nil {
		return nil, err
	}
	if err := domain.CheckRange(start, end, 1); err != nil {
		return nil, err
	}
	people, err := a.people(ctx, ws, []uuid.UUID{member}, start, end)
	if err != nil {
		return nil, err
	}
	person, ok := people[member]
	if !ok {
		return nil, fault.NotFoundName(domain.MemberName(ws, member))
	}
	return domain.FreeBusy(member.String(), []domain.Person{person}, worktime.Interval{Start: start, End: end}, a.now().Truncate(24*time.Hour))
}
