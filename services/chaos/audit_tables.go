//go:build unix

package main

import (
	"context"
	"strings"
)

// versioned are the tables whose rows count their changes, each with the resource's name and the version: every version has its
// event.
func versioned() map[string]string {
	name := func(collection, column string) string {
		return `'workspaces/' || workspace_id || '/` + collection + `/' || ` + column
	}
	return map[string]string{
		"directory.workspaces":      `SELECT 'workspaces/' || workspace_id, version FROM directory.workspaces`,
		"directory.members":         `SELECT ` + name("members", "member_id") + `, version FROM directory.members`,
		"directory.teams":           `SELECT ` + name("teams", "team_id") + `, version FROM directory.teams`,
		"directory.spaces":          `SELECT ` + name("spaces", "space_id") + `, version FROM directory.spaces`,
		"availability.member_times": `SELECT ` + name("members", "member_id") + `, version FROM availability.member_times`,
		"threads.threads":           `SELECT ` + name("threads", "thread_id") + `, version FROM threads.threads`,
		"threads.asks":              `SELECT ` + name("asks", "ask_id") + `, version FROM threads.asks`,
		"tasks.projects":            `SELECT ` + name("projects", "project_id") + `, version FROM tasks.projects`,
		"tasks.tasks":               `SELECT ` + name("tasks", "task_id") + `, version FROM tasks.tasks`,
	}
}

// tables checks that every change that a table counts stands in the stream, and that numbers which must have no gap have none.
func (a *audit) tables(ctx context.Context) error {
	newest := map[aggregate]int64{}
	for _, e := range a.events {
		of := aggregate{e.service(), e.Aggregate}
		newest[of] = max(newest[of], e.Version)
	}
	type counted struct {
		Name    string
		Version int64
	}
	for table, query := range versioned() {
		service, _, _ := strings.Cut(table, ".")
		err := each(ctx, a, query, func(row counted) {
			if told := newest[aggregate{service, row.Name}]; told < row.Version {
				a.findf("%s: %s is at version %d, and the stream tells of it up to %d", table, row.Name, row.Version, told)
			}
		})
		if err != nil {
			return err
		}
	}
	for what, query := range gapless() {
		if err := a.none(ctx, what, query); err != nil {
			return err
		}
	}
	return nil
}

// gapless are the numbers that go from 1 to their last without a gap or a double: each query shows where they do not.
func gapless() map[string]string {
	return map[string]string{
		"the sequence of messages has a gap": `
			SELECT t.thread_id || ' is at ' || t.last_sequence || ' with ' || count(m.sequence) || ' messages up to ' || coalesce(max(m.sequence), 0)
			FROM threads.threads t LEFT JOIN threads.messages m USING (workspace_id, thread_id)
			GROUP BY t.workspace_id, t.thread_id, t.last_sequence
			HAVING count(m.sequence) <> t.last_sequence OR coalesce(max(m.sequence), 0) <> t.last_sequence`,
		"the numbers of tasks have a gap": `
			SELECT p.project_id || ' is at ' || p.last_number || ' with ' || count(t.number) || ' tasks up to ' || coalesce(max(t.number), 0)
			FROM tasks.projects p LEFT JOIN tasks.tasks t USING (workspace_id, project_id)
			GROUP BY p.workspace_id, p.project_id, p.last_number
			HAVING count(t.number) <> p.last_number OR coalesce(max(t.number), 0) <> p.last_number`,
		"the history of a task has a gap": `
			SELECT t.task_id || ' is at ' || t.last_change || ' with ' || count(c.number) || ' changes up to ' || coalesce(max(c.number), 0)
			FROM tasks.tasks t LEFT JOIN tasks.task_changes c USING (workspace_id, task_id)
			GROUP BY t.workspace_id, t.task_id, t.last_change
			HAVING count(c.number) <> t.last_change OR coalesce(max(c.number), 0) <> t.last_change`,
		"the legs of a task have a gap": `
			SELECT t.task_id || ' is at ' || t.last_leg || ' with ' || count(l.number) || ' legs up to ' || coalesce(max(l.number), 0)
			FROM tasks.tasks t LEFT JOIN tasks.legs l USING (workspace_id, task_id)
			GROUP BY t.workspace_id, t.task_id, t.last_leg
			HAVING count(l.number) <> t.last_leg OR coalesce(max(l.number), 0) <> t.last_leg`,
	}
}
