package boot

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"

	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/inbox"
	"github.com/meridianhq/meridian/pkg/outbox"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/pkg/replay"
	"github.com/meridianhq/meridian/pkg/secret"
)

// Setup makes what the named service stands on, and ends: the two database roles when it has an admin's URL, its schema with
// the sets of migrations, and the event stream. It may be run any number of times, by many at once, and beside services
// that run: migrations leave the version before them able to work. It waits half a minute each for a database and a broker
// that are not there yet. Services that were told that they are Prepared leave it to this.
func Setup(ctx context.Context, name string, cfg Config, deps Deps, sets ...postgres.Set) error {
	p := newPlatform(name, cfg, deps)
	defer p.Close()
	if err := cfg.validate(); err != nil {
		return err
	}
	if cfg.DatabaseURL != "" {
		urls, err := cfg.databaseURLs()
		if err != nil {
			return err
		}
		if err := urls.migrate(ctx, name, all(sets)...); err != nil {
			return err
		}
	}
	if err := p.connectBroker(deps); err != nil {
		return err
	}
	return p.ensureStream(ctx)
}

// all adds the sets of the platform to a service's own.
func all(sets []postgres.Set) []postgres.Set {
	return slices.Concat([]postgres.Set{outbox.Set(), inbox.Set(), replay.Set(), eventbus.Set()}, sets)
}

// databaseURLs are the database's as they are now.
type databaseURLs struct{ app, owner, admin string }

func (c Config) databaseURLs() (databaseURLs, error) {
	var urls databaseURLs
	for _, each := range []struct {
		flag, value string
		text        *string
	}{
		{"database-url", c.DatabaseURL, &urls.app},
		{"database-owner-url", c.DatabaseOwnerURL, &urls.owner},
		{"database-admin-url", c.DatabaseAdminURL, &urls.admin},
	} {
		var err error
		if *each.text, err = secret.Read(each.value); err != nil {
			return databaseURLs{}, fmt.Errorf("%s: %w", each.flag, err)
		}
		if err := postgres.CheckURL(*each.text); err != nil {
			return databaseURLs{}, fmt.Errorf("%s: %w", each.flag, err)
		}
	}
	return urls, nil
}

// check waits half a minute for a database that is not there yet, and fails where its schema is older than the sets.
func (u databaseURLs) check(ctx context.Context, sets ...postgres.Set) error {
	if err := postgres.Await(ctx, u.owner, patience); err != nil {
		return fmt.Errorf("database-owner-url: %w", err)
	}
	return postgres.Check(ctx, u.owner, sets...)
}

// migrate makes the roles where an admin's URL allows it, and brings the schema up. It waits
// half a minute for a database that is not there yet.
func (u databaseURLs) migrate(ctx context.Context, name string, sets ...postgres.Set) error {
	if u.admin != "" {
		owner, app, err := u.passwords()
		if err != nil {
			return err
		}
		if err := postgres.Await(ctx, u.admin, patience); err != nil {
			return fmt.Errorf("database-admin-url: %w", err)
		}
		if err := postgres.Prepare(ctx, u.admin, name, owner, app); err != nil {
			return fmt.Errorf("prepare the database: %w", err)
		}
	}
	if err := postgres.Await(ctx, u.owner, patience); err != nil {
		return fmt.Errorf("database-owner-url: %w", err)
	}
	if err := postgres.Migrate(ctx, u.owner, sets...); err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	return nil
}

// passwords are those of the owner and the app role, for making the roles.
func (u databaseURLs) passwords() (owner, app string, err error) {
	for _, role := range []struct {
		flag, url string
		password  *string
	}{{"database-owner-url", u.owner, &owner}, {"database-url", u.app, &app}} {
		login, err := loginOf(role.url)
		if err != nil || login == nil {
			return "", "", fmt.Errorf("%s: must be a URL with a user and a password when database-admin-url is given", role.flag)
		}
		password, ok := login.Password()
		if !ok || password == "" {
			return "", "", fmt.Errorf("%s: must have a password when database-admin-url is given", role.flag)
		}
		*role.password = password
	}
	return owner, app, nil
}

// login says who a new connection to the database is for: what the setting's value says now.
func login(flag, value string) func() (user, password string, err error) {
	return func() (user, password string, err error) {
		text, err := secret.Read(value)
		if err != nil {
			return "", "", fmt.Errorf("%s: %w", flag, err)
		}
		who, err := loginOf(text)
		if err != nil {
			return "", "", fmt.Errorf("%s: %w", flag, err)
		}
		if who != nil {
			user = who.Username()
			password, _ = who.Password()
		}
		return user, password, nil
	}
}

// loginOf is the part of a URL before the host; its error does not quote the URL.
func loginOf(text string) (*url.Userinfo, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("is no URL")
	}
	return u.User, nil
}
