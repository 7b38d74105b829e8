package postgres_test

import (
	"context"
	"net/url"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/pgtest"
	"github.com/meridianhq/meridian/pkg/postgres"
)

func as(t *testing.T, admin, user, password string) string {
	t.Helper()
	u, err := url.Parse(admin)
	require.NoError(t, err)
	u.User = url.UserPassword(user, password)
	return u.String()
}

// TestPrepareManyAtOnce: services start together, some in other databases of the cluster, and come again.
func TestPrepareManyAtOnce(t *testing.T) {
	t.Parallel()
	admins := []string{pgtest.NewEmpty(t), pgtest.NewEmpty(t)}
	for range 2 {
		var crew sync.WaitGroup
		for i := range 12 {
			crew.Go(func() {
				service := []string{"many_a", "many_b", "many_c"}[i%3]
				require.NoError(t, postgres.Prepare(t.Context(), admins[i%2], service, "owner-secret", "app-secret"))
			})
		}
		crew.Wait()
	}
	for _, user := range []string{"many_a_owner", "many_a_app"} {
		password := map[string]string{"many_a_owner": "owner-secret", "many_a_app": "app-secret"}[user]
		conn, err := pgx.Connect(t.Context(), as(t, admins[0], user, password))
		require.NoError(t, err)
		var schema, path string
		require.NoError(t, conn.QueryRow(t.Context(), "select current_schema(), current_setting('search_path')").Scan(&schema, &path))
		require.Equal(t, "many_a", schema)
		require.Equal(t, "many_a", path)
		require.NoError(t, conn.Close(t.Context()))
	}
	_, err := pgx.Connect(t.Context(), as(t, admins[0], "many_a_app", "owner-secret"))
	require.ErrorContains(t, err, "password authentication failed")
}

func TestPrepareChangesPasswords(t *testing.T) {
	t.Parallel()
	admin := pgtest.NewEmpty(t)
	for _, password := range []string{"before", "after"} {
		require.NoError(t, postgres.Prepare(t.Context(), admin, "rotated", password, password))
		conn, err := pgx.Connect(t.Context(), as(t, admin, "rotated_app", password))
		require.NoError(t, err)
		require.NoError(t, conn.Close(t.Context()))
	}
}

func TestPrepareRefusesWhatIsNoService(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "X", "a-b", "a\"b", "1a"} {
		require.ErrorContains(t, postgres.Prepare(t.Context(), "", name, "x", "x"), "not a service's name")
	}
	admin := pgtest.NewEmpty(t)
	require.ErrorContains(t, postgres.Prepare(t.Context(), admin, "nopass", "", "x"), "empty")
	require.ErrorContains(t, postgres.Prepare(t.Context(), admin, "nopass", "ü", "x"), "ASCII")
}

// TestPrepareNeedsNoSuperuser: a managed Postgres gives its customers none.
func TestPrepareNeedsNoSuperuser(t *testing.T) {
	t.Parallel()
	admin := pgtest.NewEmpty(t)
	conn, err := pgx.Connect(t.Context(), admin)
	require.NoError(t, err)
	var database string
	require.NoError(t, conn.QueryRow(t.Context(), "select current_database()").Scan(&database))
	for _, sql := range []string{
		"drop role if exists modest_admin",
		"create role modest_admin login createrole password 'modest'",
		"alter database " + database + " owner to modest_admin",
		"create extension if not exists btree_gin schema public",
	} {
		_, err = conn.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	require.NoError(t, conn.Close(t.Context()))
	require.NoError(t, postgres.Prepare(t.Context(), as(t, admin, "modest_admin", "modest"), "modest", "x", "y"))
	require.NoError(t, postgres.Migrate(t.Context(), as(t, admin, "modest_owner", "x"), notes))
}

func TestMigrateManyAtOnce(t *testing.T) {
	t.Parallel()
	admin := pgtest.NewEmpty(t)
	require.NoError(t, postgres.Prepare(t.Context(), admin, "racing", "o", "a"))
	owner := as(t, admin, "racing_owner", "o")
	slow := postgres.Set{Name: "slow", FS: fstest.MapFS{
		"00001_a.sql": {Data: []byte("-- +goose Up\nCREATE TABLE a (); SELECT pg_sleep(0.2);\n")},
		"00002_b.sql": {Data: []byte("-- +goose NO TRANSACTION\n-- +goose Up\nALTER TABLE a ADD x int;\nCREATE INDEX CONCURRENTLY a_x ON a (x);\n")},
	}}
	var crew sync.WaitGroup
	for range 5 {
		crew.Go(func() { require.NoError(t, postgres.Migrate(t.Context(), owner, slow, notes)) })
	}
	crew.Wait()
	require.NoError(t, postgres.Migrate(t.Context(), owner, slow, notes))
	conn, err := pgx.Connect(t.Context(), owner)
	require.NoError(t, err)
	rows, _ := conn.Query(t.Context(), "select tablename::text from pg_tables where schemaname = 'racing' order by 1")
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Equal(t, []string{"a", "goose_notes", "goose_slow", "note"}, tables)
	require.NoError(t, conn.Close(t.Context()))
}

func TestABrokenMigrationIsNamed(t *testing.T) {
	t.Parallel()
	admin := pgtest.NewEmpty(t)
	require.NoError(t, postgres.Prepare(t.Context(), admin, "broken", "o", "a"))
	bad := postgres.Set{Name: "bad", FS: fstest.MapFS{"00001_bad.sql": {Data: []byte("-- +goose Up\nCREATE TABL x ();\n")}}}
	err := postgres.Migrate(t.Context(), as(t, admin, "broken_owner", "o"), bad)
	require.ErrorContains(t, err, "migrate bad in schema broken")
	require.ErrorContains(t, err, "00001_bad.sql")
	require.ErrorContains(t, postgres.Migrate(t.Context(), admin, bad), "run Prepare first")
}

// TestAMigrationUnderARunningServer: a connection has the statement cached when its table gets a column.
func TestAMigrationUnderARunningServer(t *testing.T) {
	t.Parallel()
	ws := uuid.New()
	fixture := newNotes(t)
	seed(t, fixture, ws, 1)
	db := open(t, fixture.AppURL, postgres.Options{MaxConns: 1})
	read := func() error {
		return db.InTx(t.Context(), ws, func(ctx context.Context, tx *postgres.Tx) error {
			rows, _ := tx.Query(ctx, "select * from note")
			_, err := pgx.CollectRows(rows, pgx.RowToMap)
			return err
		})
	}
	require.NoError(t, read())
	_, err := fixture.Owner.Pool().Exec(t.Context(), "alter table note add more int")
	require.NoError(t, err)
	require.NoError(t, read())
}

func TestADatabaseThatIsDownIsUnavailable(t *testing.T) {
	t.Parallel()
	db := open(t, "postgres://x:y@127.0.0.1:1/x?sslmode=disable", postgres.Options{})
	_, err := db.For(uuid.New()).Exec(t.Context(), "select 1")
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	require.True(t, fault.Is(db.Ping(t.Context()), fault.Unavailable))
	var n int
	err = db.For(uuid.New()).QueryRow(t.Context(), "select 1").Scan(&n)
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	started := time.Now() //nolint:forbidigo // the tries must be bounded
	err = db.InTx(t.Context(), uuid.New(), func(ctx context.Context, tx *postgres.Tx) error {
		return tx.QueryRow(ctx, "select 1").Scan(&n)
	})
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	require.Less(t, time.Since(started), 3*time.Second) //nolint:forbidigo // see above
	require.NotContains(t, fault.From(err).Message, "127.0.0.1", "what clients see names no host")
}

func TestOpenRefusesABrokenURL(t *testing.T) {
	t.Parallel()
	_, err := postgres.Open(t.Context(), "postgres://user:secret@host:port/x", postgres.Options{})
	require.ErrorContains(t, err, "parse the database URL")
	require.NotContains(t, err.Error(), "secret")
}

func TestTheSizeOfThePool(t *testing.T) {
	t.Parallel()
	const url = "postgres://x:y@127.0.0.1:1/x?sslmode=disable"
	require.EqualValues(t, 16, open(t, url, postgres.Options{}).Pool().Config().MaxConns)
	require.EqualValues(t, 4, open(t, url+"&pool_max_conns=4", postgres.Options{}).Pool().Config().MaxConns)
	require.EqualValues(t, 7, open(t, url+"&pool_max_conns=4", postgres.Options{MaxConns: 7}).Pool().Config().MaxConns)
}

// Where nearly all workspaces are tiny, a plan for any workspace still goes by the index that finds the row in a large one.
func TestPlansAreForTheLargestWorkspace(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, "pgtest_skewed", postgres.Set{Name: "skewed", FS: fstest.MapFS{"00001_skewed.sql": {Data: []byte(`-- +goose Up
		CREATE TABLE skewed (workspace_id uuid, item_id uuid, made int, PRIMARY KEY (workspace_id, item_id));
		CREATE INDEX skewed_made ON skewed (workspace_id, made);`)}}})
	large := uuid.New()
	_, err := db.Owner.Pool().Exec(t.Context(), `
		INSERT INTO skewed SELECT gen_random_uuid(), gen_random_uuid(), n FROM generate_series(1, 30000) n;
		INSERT INTO skewed SELECT '`+large.String()+`', gen_random_uuid(), n FROM generate_series(1, 30000) n;
		ANALYZE skewed`)
	require.NoError(t, err)
	e := db.Explain(t, large, pgtest.Statement{Role: db.App.Pool().Config().ConnConfig.User, SQL: `
		SELECT s.made FROM (SELECT unnest($2::uuid[]) AS item_id) n JOIN skewed s ON s.workspace_id = $1 AND s.item_id = n.item_id`})
	require.Contains(t, e.Text, "Index Cond: ((workspace_id = $1) AND (item_id = ", e.Text)
}

// set is one of that many migrations.
func set(name string, versions ...string) postgres.Set {
	files := fstest.MapFS{}
	for _, v := range versions {
		files[v+"_"+name+".sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nSELECT 1;\n")}
	}
	return postgres.Set{Name: name, FS: files}
}

func TestCheckTellsWhatIsBehindAndLetsNewerBe(t *testing.T) {
	t.Parallel()
	first, second, third := set("checked", "00001"), set("checked", "00001", "00002"), set("other", "00001")
	db := pgtest.New(t, "checktest", second)
	require.NoError(t, postgres.Check(t.Context(), db.OwnerURL, second))
	require.NoError(t, postgres.Check(t.Context(), db.OwnerURL, first), "a schema serves the version before")
	require.ErrorContains(t, postgres.Check(t.Context(), db.OwnerURL, set("checked", "00001", "00002", "00003")),
		"checked are at version 2 and must be at 3")
	require.ErrorContains(t, postgres.Check(t.Context(), db.OwnerURL, second, third), "other are at version 0 and must be at 1")
}
