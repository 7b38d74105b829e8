package store

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/pgtest"
)

// scaleRows is enough for a word to be too rare for the newest rows, and another too common to be read whole. The
// figures in the migration were measured with a million.
const scaleRows = 60_000

// scaleSQL fills a workspace of 40 spaces, of which the last is private, a row a minute. Every second row holds
// "common", every 33rd "frequent", every hundredth "middling", every 9,999th "rare"; "ancient" was in each of the older two
// thirds, "buried" in none of the newest rows and in too many of the others to be read whole.
const scaleSQL = `
INSERT INTO members VALUES ('%[1]s', '%[2]s', 'M', 'm', 'UTC', 2, 2, 1, 1);
INSERT INTO spaces SELECT '%[1]s', ('00000000-0000-0000-0000-0000000000' || lpad(n::text, 2, '0'))::uuid, 'S', CASE n WHEN 39 THEN 2 ELSE 1 END, 1
	FROM generate_series(0, 39) n;
DROP INDEX search_rows_words;
INSERT INTO search_rows (workspace_id, thread_id, sequence, space_id, author_id, create_time, version, words)
SELECT '%[1]s', ('00000000-0000-0000-0000-' || lpad((n / 100)::text, 12, '0'))::uuid, n,
       ('00000000-0000-0000-0000-0000000000' || lpad((n / 100 %% 40)::text, 2, '0'))::uuid,
       ('00000000-0000-0000-0000-0000000000' || lpad((n * 7 %% 90)::text, 2, '0'))::uuid,
       '2020-01-01'::timestamptz + n * interval '1 minute', 1,
       to_tsvector('simple', concat_ws(' ',
           CASE WHEN n %% 2 = 0 THEN 'common' END, CASE WHEN n %% 100 = 0 THEN 'middling' END,
           CASE WHEN n %% 33 = 0 THEN 'frequent' END, CASE WHEN n %% 9999 = 0 THEN 'rare' END, CASE WHEN n < %[3]d * 2 / 3 THEN 'ancient' END,
           CASE WHEN n < 25000 THEN 'buried' END,
           (SELECT string_agg('w' || (n * g * g %% 50021 / (g * g)), ' ') FROM generate_series(1, 30) g)))
FROM generate_series(1, %[3]d) n;
CREATE INDEX search_rows_words ON search_rows USING gin (workspace_id, words);
ANALYZE;`

// scaleWords are words of each kind, and scaleFilters what a search may ask beside them: nothing, a space, a private one, a
// thread, an author, a day.
var (
	scaleWords   = []string{"common", "frequent", "middling", "rare", "ancient", "buried", "absent", "middling common", "common -middling"}
	scaleFilters = []string{
		"NULL, NULL, NULL, NULL, NULL",
		"'00000000-0000-0000-0000-000000000003', NULL, NULL, NULL, NULL",
		"'00000000-0000-0000-0000-000000000039', NULL, NULL, NULL, NULL",
		"NULL, '00000000-0000-0000-0000-000000000100', NULL, NULL, NULL",
		"NULL, NULL, '00000000-0000-0000-0000-000000000042', NULL, NULL",
		"NULL, NULL, NULL, '2020-01-05', '2020-01-06'",
	}
)

func hitsSQL(filter string) string {
	return "SELECT thread_id, sequence FROM search_hits($1, $2, " + filter + ", '2020-02-10', NULL, NULL, NULL, 2000)"
}

// scaled is a database with the rows, made once for the tests that only read them.
type scaled struct {
	db         *pgtest.DB
	ws, member uuid.UUID
}

func TestSearchAmongManyRows(t *testing.T) {
	t.Parallel()
	s := &scaled{db: pgtest.New(t, "threads", sets()...), ws: uuid.Must(uuid.NewV7()), member: uuid.Must(uuid.NewV7())}
	_, err := s.db.Owner.Pool().Exec(t.Context(), fmt.Sprintf(scaleSQL, s.ws, s.member, scaleRows))
	require.NoError(t, err)
	t.Run("it finds the newest however common the word", s.findsTheNewest)
	t.Run("it reads a bounded number of rows", s.readsABoundedNumber)
}

// Whatever a word is, and whatever the search asks beside it, the hits are those that reading everything would give.
func (s *scaled) findsTheNewest(t *testing.T) {
	for _, words := range scaleWords {
		for _, filter := range scaleFilters {
			got := hitsOf(t, s.db, s.ws, s.member, hitsSQL(filter), words)
			want := hitsOf(t, s.db, s.ws, s.member, everythingRead(filter), words)
			require.ElementsMatch(t, want, got, "%s, %s", words, filter)
		}
	}
}

func everythingRead(filter string) string {
	return `SELECT s.thread_id, s.sequence
		FROM search_rows s, (SELECT ` + filter + `) AS f(space, thread, author, since, before)
		WHERE s.words @@ websearch_to_tsquery('simple', $2) AND space_right(s.workspace_id, $1, s.space_id) >= 1
		  AND (f.space IS NULL OR s.space_id = f.space::uuid) AND (f.thread IS NULL OR s.thread_id = f.thread::uuid)
		  AND (f.author IS NULL OR s.author_id = f.author::uuid) AND (f.since IS NULL OR s.create_time >= f.since::timestamptz)
		  AND (f.before IS NULL OR s.create_time < f.before::timestamptz) AND s.create_time <= '2020-02-10'
		ORDER BY s.create_time DESC LIMIT 1000`
}

type place struct {
	Thread   uuid.UUID
	Sequence int64
}

func hitsOf(t *testing.T, db *pgtest.DB, ws, member uuid.UUID, sql, words string) []place {
	t.Helper()
	var found []place
	require.NoError(t, pgx.BeginFunc(t.Context(), db.Owner.Pool(), func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), "SELECT set_config('app.ws', $1, true)", ws.String()); err != nil {
			return err
		}
		rows, err := tx.Query(t.Context(), sql, member, words)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, pgx.RowToStructByPos[place])
		return err
	}))
	return found
}
