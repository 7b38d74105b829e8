// Package pgtest gives each test a database of its own, in about a tenth of a second.
//
// It promises a fresh database with the service's roles, schema and migrations, reached as the app role and as the
// owner, and dropped at the test's end. The migrations run once for each set of files and server, into a template
// that every test clones. The server is the one in MERIDIAN_TEST_DATABASE_URL (a superuser's URL; its cluster gets
// roles and databases), else a private throw-away cluster for this test process, which goes with the process.
package pgtest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/devpg"
	"github.com/meridianhq/meridian/pkg/postgres"
)

// EnvURL names the variable with the superuser's URL of a running server.
const EnvURL = "MERIDIAN_TEST_DATABASE_URL"

// DB is a test's own database.
type DB struct {
	// App is the pool of the app role, under row-level security.
	App *postgres.DB
	// Owner is the pool of the owner of the schema, which sees all workspaces.
	Owner *postgres.DB
	// AppURL, OwnerURL and AdminURL lead to the database as the app role, the owner and the superuser.
	AppURL, OwnerURL, AdminURL string
}

const (
	poolSize    = 16
	setupLimit  = 2 * time.Minute
	dropLimit   = 30 * time.Second
	hashLetters = 16
)

// New returns a database with the sets migrated in the schema of the service. The pools are closed and the database
// dropped when the test ends.
func New(tb testing.TB, service string, sets ...postgres.Set) *DB {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), setupLimit)
	defer cancel()
	s, err := server()
	require.NoError(tb, err, "a Postgres server for the tests")
	template, err := s.template(ctx, service, sets)
	require.NoError(tb, err, "the template database")
	name := "mt_" + strings.ToLower(rand.Text()[:hashLetters])
	require.NoError(tb, s.exec(ctx, "create database "+name+" template "+template), "clone the template")
	tb.Cleanup(func() { s.drop(tb, name) })

	db := &DB{
		AdminURL: s.url(name, nil),
		OwnerURL: s.url(name, url.UserPassword(service+"_owner", s.password(service, "owner"))),
		AppURL:   s.url(name, url.UserPassword(service+"_app", s.password(service, "app"))),
	}
	db.App, err = postgres.Open(ctx, db.AppURL, postgres.Options{Name: "app", MaxConns: poolSize})
	require.NoError(tb, err)
	tb.Cleanup(db.App.Close)
	db.Owner, err = postgres.Open(ctx, db.OwnerURL, postgres.Options{Name: "owner", MaxConns: poolSize})
	require.NoError(tb, err)
	tb.Cleanup(db.Owner.Close)
	return db
}

// NewEmpty returns the superuser's URL of a new database with nothing in it, dropped when the test ends.
func NewEmpty(tb testing.TB) string {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), setupLimit)
	defer cancel()
	s, err := server()
	require.NoError(tb, err, "a Postgres server for the tests")
	name := "mt_" + strings.ToLower(rand.Text()[:hashLetters])
	require.NoError(tb, s.exec(ctx, "create database "+name), "make a database")
	tb.Cleanup(func() { s.drop(tb, name) })
	return s.url(name, nil)
}

// cluster is the server that all tests of this process share.
type cluster struct {
	admin *url.URL
	temp  *devpg.Temp // ours, when none was given: held here because it ends when nobody holds it

	mu        sync.Mutex
	templates map[string]*sync.Mutex // by name; held while this process makes it
	made      map[string]bool
}

// server is the process's one server. A package variable, because tests have nothing else in common.
var server = sync.OnceValues(func() (*cluster, error) { //nolint:gochecknoglobals // see above
	given := os.Getenv(EnvURL)
	var temp *devpg.Temp
	if given == "" {
		var err error
		if temp, err = devpg.StartTemp(context.Background(), nil); err != nil {
			return nil, err
		}
		given = temp.URL() // never closed: it ends with the process
	}
	admin, err := url.Parse(given)
	if err != nil {
		return nil, fmt.Errorf("pgtest: %s: %w", EnvURL, err)
	}
	return &cluster{admin: admin, temp: temp, templates: map[string]*sync.Mutex{}, made: map[string]bool{}}, nil
})

// url is the server's URL for the database and the user; nil is the superuser.
func (c *cluster) url(database string, as *url.Userinfo) string {
	u := *c.admin
	u.Path = "/" + database
	if as != nil {
		u.User = as
	}
	return u.String()
}

// password is the same in every process that uses this server: roles belong to the whole cluster.
func (c *cluster) password(service, kind string) string {
	secret, _ := c.admin.User.Password()
	sum := sha256.Sum256([]byte("meridian test/" + service + "/" + kind + "/" + secret))
	return hex.EncodeToString(sum[:])
}

func (c *cluster) exec(ctx context.Context, statements ...string) error {
	conn, err := pgx.Connect(ctx, c.admin.String())
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // nothing was left open
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

func (c *cluster) drop(tb testing.TB, database string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), dropLimit)
	defer cancel()
	if err := c.exec(ctx, "drop database if exists "+database+" with (force)"); err != nil {
		tb.Logf("pgtest: the database stays: %v", err)
	}
}

// template returns the name of the template database for the sets, which it makes where no process has before.
func (c *cluster) template(ctx context.Context, service string, sets []postgres.Set) (string, error) {
	hash, err := hashOf(service, sets)
	if err != nil {
		return "", err
	}
	name := "mtt_" + service + "_" + hash
	c.mu.Lock()
	making := c.templates[name]
	if making == nil {
		making = &sync.Mutex{}
		c.templates[name] = making
	}
	c.mu.Unlock()
	making.Lock()
	defer making.Unlock()
	c.mu.Lock()
	done := c.made[name]
	c.mu.Unlock()
	if done {
		return name, nil
	}
	if err := c.makeTemplate(ctx, name, service, sets); err != nil {
		return "", err
	}
	c.mu.Lock()
	c.made[name] = true
	c.mu.Unlock()
	return name, nil
}

// makeTemplate makes the template under a lock that all processes on this server see. A half-made one has still its
// makers' name, and is dropped.
func (c *cluster) makeTemplate(ctx context.Context, name, service string, sets []postgres.Set) error {
	conn, err := pgx.Connect(ctx, c.admin.String())
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // ends the lock with it
	if _, err := conn.Exec(ctx, "select pg_advisory_lock(hashtextextended('meridian/pgtest', 0))"); err != nil {
		return err
	}
	var there bool
	err = conn.QueryRow(ctx, "select exists (select from pg_database where datname = $1)", name).Scan(&there)
	if err != nil || there {
		return err
	}
	raw := name + "_new"
	if err := c.exec(ctx, "drop database if exists "+raw+" with (force)", "create database "+raw); err != nil {
		return err
	}
	owner, app := c.password(service, "owner"), c.password(service, "app")
	if err := postgres.Prepare(ctx, c.url(raw, nil), service, owner, app); err != nil {
		return err
	}
	ownerURL := c.url(raw, url.UserPassword(service+"_owner", owner))
	if err := postgres.Migrate(ctx, ownerURL, sets...); err != nil {
		return err
	}
	return c.exec(ctx,
		"alter database "+raw+" with allow_connections false",
		"alter database "+raw+" rename to "+name,
	)
}

// hashOf is of everything that decides what the template holds, and of how this package makes it.
func hashOf(service string, sets []postgres.Set) (string, error) {
	const recipe = "2"
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%s\x00%s\x00", recipe, service)
	for _, set := range sets {
		_, _ = fmt.Fprintf(h, "%s\x00", set.Name)
		err := fs.WalkDir(set.FS, ".", func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			text, err := fs.ReadFile(set.FS, path)
			_, _ = fmt.Fprintf(h, "%s\x00%d\x00%s", path, len(text), text)
			return err
		})
		if err != nil {
			return "", fmt.Errorf("pgtest: read the set %s: %w", set.Name, err)
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:hashLetters], nil
}
