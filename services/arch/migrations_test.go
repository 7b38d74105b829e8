package arch

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// frozen are the last migrations that are not looked at, of before the rule; of a folder that is not here all are.
var frozen = map[string]int{
	"pkg/eventbus/migrations": 2, "pkg/inbox/migrations": 1, "pkg/outbox/migrations": 1, "pkg/projection/migrations": 5,
	"pkg/replay/migrations": 1, "services/availability/internal/store/migrations": 7,
	"services/directory/internal/store/migrations": 3, "services/notifications/internal/store/migrations": 4,
	"services/tasks/internal/store/migrations": 1, "services/threads/internal/store/migrations": 8,
}

// contracts begins the line over a statement that takes something away: what it is, and that the version before uses it no more.
const contracts = "-- Contracts: "

// TestMigrationsLeaveTheVersionBeforeAtWork holds migrations to docs/changing-a-schema.md.
func TestMigrationsLeaveTheVersionBeforeAtWork(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(top, "*", "*", "migrations", "*.sql"))
	require.NoError(t, err)
	more, err := filepath.Glob(filepath.Join(top, "services", "*", "internal", "store", "migrations", "*.sql"))
	require.NoError(t, err)
	looked := 0
	for _, file := range append(files, more...) {
		number, _, _ := strings.Cut(filepath.Base(file), "_")
		version, err := strconv.Atoi(number)
		require.NoError(t, err)
		folder, err := filepath.Rel(top, filepath.Dir(file))
		require.NoError(t, err)
		if version <= frozen[filepath.ToSlash(folder)] {
			continue
		}
		looked++
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, keeps(string(text)), file)
	}
	require.GreaterOrEqual(t, looked, 10)
}

// TestMigrationsThatDoNot shows that each part of the rule is held.
func TestMigrationsThatDoNot(t *testing.T) {
	t.Parallel()
	for text, why := range map[string]string{
		"CREATE INDEX a_b ON a (b);":                                        "CONCURRENTLY",
		"CREATE UNIQUE INDEX CONCURRENTLY a_b ON a (b);":                    "NO TRANSACTION",
		"-- +goose NO TRANSACTION\nCREATE INDEX CONCURRENTLY a_b ON a (b);": "run again",
		"-- +goose NO TRANSACTION\nDROP INDEX a_b;":                         "CONCURRENTLY",
		"-- +goose NO TRANSACTION\nALTER TABLE a ADD COLUMN b int;":         "run again",
		"DROP TABLE a;":         "takes away",
		"DROP FUNCTION f(int);": "takes away",
		"CREATE TABLE b (x int);\nALTER TABLE a DROP COLUMN b;":                               "takes away",
		"ALTER TABLE a RENAME COLUMN b TO c;":                                                 "no part of the rule",
		"ALTER TABLE a ALTER COLUMN b TYPE bigint;":                                           "no part of the rule",
		"ALTER TABLE a ALTER COLUMN b SET NOT NULL;":                                          "no part of the rule",
		"ALTER TABLE a ADD COLUMN b int NOT NULL;":                                            "constant default",
		"ALTER TABLE a ADD COLUMN b timestamptz DEFAULT now();":                               "constant default",
		"ALTER TABLE a ADD COLUMN b int DEFAULT 1 CHECK (b > 0);":                             "constant default",
		"ALTER TABLE a ADD COLUMN b int,\n    ADD COLUMN c int UNIQUE;":                       "constant default",
		"ALTER TABLE a DROP CONSTRAINT c, ADD CONSTRAINT c CHECK (b IN (1, 2));":              "NOT VALID",
		"ALTER TABLE a ADD CONSTRAINT c CHECK (b IN (1, 2)) NOT VALID;":                       "narrower",
		"ALTER TABLE a DROP CONSTRAINT c;":                                                    "takes away",
		"ALTER TABLE a VALIDATE CONSTRAINT c;":                                                "NO TRANSACTION",
		"UPDATE a SET b = 1;":                                                                 "NO TRANSACTION",
		"CREATE TABLE b (x int);\nDELETE FROM a;":                                             "NO TRANSACTION",
		"CREATE TRIGGER c AFTER INSERT ON a FOR EACH ROW EXECUTE FUNCTION f();":               "no part of the rule",
		"-- +goose StatementBegin\nDO $$ BEGIN\nPERFORM 1;\nEND; $$;\n-- +goose StatementEnd": "no part of the rule",
	} {
		require.ErrorContains(t, keeps(marked(text)), why, text)
	}
	for _, text := range []string{
		"CREATE TABLE a (b int);\nCREATE INDEX a_b ON a (b);\nINSERT INTO a SELECT c FROM d;\nUPDATE a SET b = 1;",
		"ALTER TABLE a ADD COLUMN b int, ADD COLUMN c numeric(3, 1) NOT NULL DEFAULT 0.5, ADD d text DEFAULT 'x, y';",
		"ALTER TABLE a DROP CONSTRAINT c;\nALTER TABLE a ADD CONSTRAINT c CHECK (b IN (1, 2)) NOT VALID;",
		"-- +goose NO TRANSACTION\nDROP INDEX CONCURRENTLY IF EXISTS a_b; -- of a failed one\nCREATE INDEX CONCURRENTLY a_b ON a (b);",
		"-- +goose NO TRANSACTION\nALTER TABLE a VALIDATE CONSTRAINT c;\nUPDATE a SET b = 1 WHERE b IS NULL;",
		contracts + "b, which c stands for since 1.4.\nALTER TABLE a DROP COLUMN b;",
		"-- +goose StatementBegin\nCREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ DELETE FROM a; SELECT 1; $$;\n-- +goose StatementEnd",
	} {
		require.NoError(t, keeps(marked(text)), text)
	}
}

// marked is a migration of statements: the mark of its beginning stands after that of a file without a transaction.
func marked(text string) string {
	if rest, ok := strings.CutPrefix(text, "-- +goose NO TRANSACTION\n"); ok {
		return "-- +goose NO TRANSACTION\n-- +goose Up\n" + rest
	}
	return "-- +goose Up\n" + text
}
