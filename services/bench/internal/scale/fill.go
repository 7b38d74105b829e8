// Package scale measures what one read costs as everything else grows: the same reads in worlds of few and of many messages,
// in turns.
package scale

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	"github.com/meridianhq/meridian/services/bench/internal/load"
	"github.com/meridianhq/meridian/services/bench/internal/world"
)

//go:embed fill.sql projection.sql
var sql embed.FS

const (
	// edition counts the ways of filling: a world that was filled another way is refused.
	edition = 2
	// What a world holds beside its messages.
	threads = 10_000
	members = 1000
	beside  = 1000
	spaces  = 20
	// pool is how many texts the messages are drawn from, bodySize how long each is.
	pool     = 5000
	bodySize = 120
	// since is when the first message was written, days how long they go on.
	since = "2024-01-01T00:00:00Z"
	days  = 700
)

// The words that are searched for: in three messages, in one of a hundred, in one of twenty-five, and in every second.
const (
	rare     = "quokka"
	middling = "wombat"
	frequent = "dingo"
	common   = "koala"
)

// contents is what a filled world is known by; it is kept in its folder.
type contents struct {
	Edition, Size int
	Workspace     string
	// Reader is who reads.
	Reader world.Member
	// Spaces are ids, Projects names.
	Spaces, Projects []string
	// Long is the thread with half of all messages, Busy are the twenty with a fiftieth each.
	Long string
	Busy []string
}

const contentsFile = "scale.json"

// readContents returns what is kept in a folder; false where it was not filled, or not to the end.
func readContents(folder string, size int) (contents, bool, error) {
	text, err := os.ReadFile(filepath.Join(folder, contentsFile)) //nolint:gosec // the folder the caller named
	if errors.Is(err, fs.ErrNotExist) {
		return contents{}, false, nil
	}
	var c contents
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	if err == nil && (c.Edition != edition || c.Size != size) {
		err = fmt.Errorf("%s was filled in another way; remove it", folder)
	}
	return c, true, err
}

// fill fills a world through its tables and keeps what it is known by.
func fill(ctx context.Context, w *world.World, size int) (contents, error) {
	people, err := w.Invite(ctx, 1)
	if err != nil {
		return contents{}, err
	}
	c := contents{Edition: edition, Size: size, Workspace: people.Workspace, Reader: people.Members[0]}
	if err := c.places(ctx, w); err != nil {
		return c, err
	}
	if _, _, err := w.Crowd(ctx, people, members, members/2); err != nil {
		return c, err
	}
	if _, err := w.Settle(ctx); err != nil {
		return c, err
	}
	if err := c.rows(ctx, w.DB); err != nil {
		return c, err
	}
	for i := range 21 {
		name := fmt.Sprintf("%s/threads/00000001-0000-7000-8000-%012x", c.Workspace, i+1)
		if i == 0 {
			c.Long = name
			continue
		}
		c.Busy = append(c.Busy, name)
	}
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return c, err
	}
	return c, os.WriteFile(filepath.Join(w.Folder(), contentsFile), append(text, '\n'), 0o600)
}

// places makes the spaces, and a project in each, through the API.
func (c *contents) places(ctx context.Context, w *world.World) error {
	conns, err := w.Connect(w.At.GRPC, 1)
	if err != nil {
		return err
	}
	ctx = world.As(ctx, c.Reader.APIToken)
	for i := range spaces {
		space, err := directoryv1.NewSpaceServiceClient(conns[0]).CreateSpace(ctx, &directoryv1.CreateSpaceRequest{
			Parent: c.Workspace, Space: &directoryv1.Space{DisplayName: fmt.Sprintf("Space %d", i), Visibility: directoryv1.Space_OPEN}, RequestId: uuid.NewString(),
		})
		if err != nil {
			return fmt.Errorf("make a space: %w", err)
		}
		project, err := tasksv1.NewProjectServiceClient(conns[0]).CreateProject(ctx, &tasksv1.CreateProjectRequest{
			Parent: c.Workspace, RequestId: uuid.NewString(),
			Project: &tasksv1.Project{Space: space.GetName(), Key: fmt.Sprintf("P%02d", i), DisplayName: fmt.Sprintf("Project %d", i)},
		})
		if err != nil {
			return fmt.Errorf("make a project: %w", err)
		}
		c.Spaces, c.Projects = append(c.Spaces, world.ID(space.GetName())), append(c.Projects, project.GetName())
	}
	return nil
}

// growing are the tables that are filled.
func growing() []string {
	return []string{
		"threads.messages", "threads.search_rows", "threads.read_states", "notifications.notifications", "notifications.deliveries",
		"tasks.tasks", "tasks.legs",
	}
}

// rows writes the rows, with the indexes made after them, which takes a fraction of the time.
func (c *contents) rows(ctx context.Context, db *pgxpool.Pool) error {
	conn, err := db.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	run := func(text string, args ...any) {
		if err == nil {
			if _, err = conn.Exec(ctx, text, args...); err != nil {
				err = fmt.Errorf("%w: %.200s", err, text)
			}
		}
	}
	run(`SET synchronous_commit = off; SET maintenance_work_mem = '1GB'; SET work_mem = '256MB'; SET jit = off`)
	run(`DROP SCHEMA IF EXISTS bench_scale CASCADE; CREATE SCHEMA bench_scale`)
	run(`CREATE TABLE bench_scale.pool (n int PRIMARY KEY, body text, words tsvector)`)
	bodies := texts()
	run(`INSERT INTO bench_scale.pool SELECT n - 1, body, to_tsvector('simple', body) FROM unnest($1::text[]) WITH ORDINALITY AS b (body, n)`, bodies)
	if err != nil {
		return err
	}
	indexes, err := dropIndexes(ctx, conn.Conn())
	if err != nil {
		return err
	}
	for _, statement := range c.statements() {
		run(statement)
	}
	for _, index := range indexes {
		run(index)
	}
	run(`RESET ALL`)
	run(`DROP SCHEMA bench_scale CASCADE`)
	run(`VACUUM (ANALYZE)`)
	run(`CHECKPOINT`)
	return err
}

// statements are those of the files, in their order. A semicolon at the end of a line ends one.
func (c *contents) statements() []string {
	values := []string{
		"{workspace}", world.ID(c.Workspace), "{reader}", world.ID(c.Reader.Name), "{spaces}", "{" + strings.Join(c.Spaces, ",") + "}",
		"{size}", fmt.Sprint(c.Size), "{threads}", fmt.Sprint(threads), "{members}", fmt.Sprint(members), "{beside}", fmt.Sprint(beside),
		"{pool}", fmt.Sprint(pool), "{since}", since, "{days}", fmt.Sprint(days), "{rare}", rare,
	}
	var all []string
	add := func(file string, more ...string) {
		text, err := sql.ReadFile(file)
		if err != nil {
			panic(err) // the file is embedded above
		}
		replaced := strings.NewReplacer(append(more, values...)...).Replace(string(text))
		for statement := range strings.SplitSeq(replaced, ";\n") {
			if strings.TrimSpace(statement) != "" {
				all = append(all, statement)
			}
		}
	}
	add("fill.sql")
	for _, service := range world.Projecting() {
		add("projection.sql", "{service}", service)
	}
	return all
}

// dropIndexes drops the indexes that are no constraint's of the tables that are filled, and returns what makes them again.
func dropIndexes(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	rows, err := conn.Query(ctx, `
		SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i
		WHERE i.indrelid = ANY ($1::text[]::regclass[]) AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)`, growing())
	if err != nil {
		return nil, err
	}
	var name, definition string
	var names, definitions []string
	_, err = pgx.ForEachRow(rows, []any{&name, &definition}, func() error {
		names, definitions = append(names, name), append(definitions, definition)
		return nil
	})
	if err != nil {
		return nil, err
	}
	_, err = conn.Exec(ctx, `DROP INDEX `+strings.Join(names, ", "))
	return definitions, err
}

// texts are the bodies: each a text of its own, every second with the common word and one of a hundred with the middling one.
func texts() []string {
	words, random := load.NewWords(8000), rand.New(rand.NewPCG(1, 1)) //nolint:gosec // the same texts in every run
	all := make([]string, pool)
	for i := range all {
		all[i] = words.Text(random, bodySize)
		if i%2 == 0 {
			all[i] += " " + common
		}
		if i%100 == 0 {
			all[i] += " " + middling
		}
		if i%25 == 1 {
			all[i] += " " + frequent
		}
	}
	return all
}
