package domain

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Story is what the draft of a note is made from.
type Story struct {
	// Task is as it stands, in a workflow.
	Task     Task
	Workflow Workflow
	// Since is when the leg began that is to be handed on; the task's first instant where nobody holds it.
	Since time.Time
	// Holder is what the task's holder is called; empty where there is none.
	Holder string
	// Changes are what has happened since, the oldest first.
	Changes []Change
	// Before is the note with which the leg began; empty where it was claimed or assigned.
	Before Note
}

// Draft writes a note from what happened. It always says something: a note that starts empty stays empty.
func (s Story) Draft() Note {
	return Note{Done: cut(s.done(), MaxNotePart), NextSteps: cut(s.next(), MaxNotePart)}
}

// done tells what changed: the states the task went through, the fields that are other than they were, and what of the
// description's check list is ticked.
func (s Story) done() string {
	var lines []string
	if path := s.path(); len(path) > 1 {
		lines = append(lines, "Moved from "+strings.Join(path, " to ")+".")
	}
	for _, field := range s.fields() {
		lines = append(lines, s.sentence(field))
	}
	_, ticked := checklist(s.Task.Description)
	for _, item := range ticked {
		lines = append(lines, "Done: "+item)
	}
	if len(lines) > 0 {
		return bullets(lines)
	}
	switch {
	case s.Holder == "":
		return "Nobody has held the task yet, and nothing has changed on it since " + day(s.Since) + "."
	case s.Before.Done != "":
		return "Nothing has changed on the task since " + s.Holder + " took it on " + day(s.Since) + ". Before that:\n\n" + s.Before.Done
	}
	return "Nothing has changed on the task since " + s.Holder + " took it on " + day(s.Since) + "."
}

// next tells what is left: what of the check list is open, else what the note before asked for; where the task stands in
// its workflow, and when it is due.
func (s Story) next() string {
	var parts []string
	open, _ := checklist(s.Task.Description)
	switch {
	case len(open) > 0:
		parts = append(parts, bullets(open))
	case s.Before.NextSteps != "":
		parts = append(parts, "Asked for in the note before:\n\n"+quote(s.Before.NextSteps))
	default:
		parts = append(parts, "Go on with “"+s.Task.Title+"”.")
	}
	parts = append(parts, s.standing())
	return strings.Join(parts, "\n\n")
}

// standing says where the task is and what comes after.
func (s Story) standing() string {
	text := s.Task.Key + " is in " + s.state(s.Task.State)
	if after, ok := s.Workflow.Next(s.Task.State); ok {
		text += "; after that comes " + after.DisplayName
	}
	switch {
	case !s.Task.DueDate.IsZero():
		text += ". It is due on " + s.Task.DueDate.String()
	case !s.Task.DueTime.IsZero():
		text += ". It is due at " + s.Task.DueTime.UTC().Format("2006-01-02 15:04 UTC")
	}
	return text + "."
}

// path is the states the task went through, by what they are called, each change of state a step.
func (s Story) path() []string {
	var path []string
	for _, c := range s.Changes {
		if c.Field != "state" {
			continue
		}
		if len(path) == 0 {
			path = append(path, s.state(c.From))
		}
		path = append(path, s.state(c.To))
	}
	return path
}

func (s Story) state(id string) string {
	if state, ok := s.Workflow.Find(id); ok {
		return state.DisplayName
	}
	return id
}

// fields are the fields but the state that are other than they were, each once with its first From and its last To, in
// the order in which they first changed.
func (s Story) fields() []Change {
	var all []Change
	for _, c := range s.Changes {
		if slices.Contains([]string{"state", "holder", "team", FieldCreated, FieldHandoff}, c.Field) {
			continue
		}
		if i := slices.IndexFunc(all, func(known Change) bool { return known.Field == c.Field }); i >= 0 {
			all[i].To = c.To
			continue
		}
		all = append(all, c)
	}
	return slices.DeleteFunc(all, func(c Change) bool { return c.From == c.To })
}

// sentence says in words what became of a field.
func (s Story) sentence(c Change) string {
	switch c.Field {
	case "title":
		return fmt.Sprintf("Renamed the task from “%s” to “%s”.", c.From, c.To)
	case "description":
		switch {
		case c.From == "":
			return "Wrote the description."
		case c.To == "":
			return "Removed the description."
		}
		return "Changed the description."
	case "labels":
		return labelled(strings.Split(c.From, ", "), strings.Split(c.To, ", "))
	}
	field := strings.ReplaceAll(c.Field, "_", " ")
	switch {
	case c.From == "":
		return "Set the " + field + " to " + c.To + "."
	case c.To == "":
		return "Removed the " + field + ", which was " + c.From + "."
	}
	return "Changed the " + field + " from " + c.From + " to " + c.To + "."
}

func labelled(from, to []string) string {
	without := func(all, taken []string) string {
		return strings.Join(slices.DeleteFunc(slices.Clone(all), func(l string) bool { return l == "" || slices.Contains(taken, l) }), ", ")
	}
	added, removed := without(to, from), without(from, to)
	switch {
	case removed == "" && added == "":
		return "Put the labels in another order."
	case removed == "":
		return "Added the labels " + added + "."
	case added == "":
		return "Removed the labels " + removed + "."
	}
	return "Added the labels " + added + " and removed " + removed + "."
}

// checklist finds the items of a Markdown check list, those open and those ticked.
func checklist(markdown string) (open, ticked []string) {
	for line := range strings.SplitSeq(markdown, "\n") {
		line = strings.TrimSpace(line)
		if len(line) < 2 || !strings.ContainsRune("-*+", rune(line[0])) {
			continue
		}
		box, item, ok := strings.Cut(strings.TrimSpace(line[1:]), "]")
		item = strings.TrimSpace(item)
		switch {
		case !ok || item == "":
		case box == "[ ":
			open = append(open, item)
		case box == "[x" || box == "[X":
			ticked = append(ticked, item)
		}
	}
	return open, ticked
}

func bullets(lines []string) string { return "- " + strings.Join(lines, "\n- ") }

func quote(text string) string {
	return "> " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n> ")
}

func day(t time.Time) string { return t.UTC().Format(dateLayout) }

// cut shortens a text to so many bytes, at the end of a character.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	const more = "…"
	end := limit - len(more)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + more
}

// maxSourceText is how much of a text is shown of a source of a notification.
const maxSourceText = 2 << 10

// Markdown writes the note for whoever is told of it, shortened to what a notification shows: what is next stands first.
func (n Note) Markdown() string {
	var parts []string
	add := func(title, text string) {
		if !blank(text) {
			parts = append(parts, "**"+title+"**\n\n"+strings.TrimSpace(text))
		}
	}
	add("Next steps", n.NextSteps)
	add("Blockers", n.Blockers)
	if len(n.Questions) > 0 {
		add("Questions", bullets(n.Questions))
	}
	add("Done", n.Done)
	if len(n.Links) > 0 {
		add("Links", bullets(n.Links))
	}
	return cut(strings.Join(parts, "\n\n"), maxSourceText)
}

// Excerpt is as much of the task's description as a notification shows.
func (t Task) Excerpt() string { return cut(t.Description, maxSourceText) }

// SettledReason says in words why an offer does not wait for a member whom it was made to; empty while it does, and for
// who was never asked. responder is what the one is called who took it.
func (h Handoff) SettledReason(member uuid.UUID, ofTeam bool, responder string) string {
	switch {
	case !h.IsTo(member, ofTeam):
		return ""
	case h.State == Accepted && h.Responder == member:
		return "accepted"
	case h.State == Accepted:
		return "accepted by " + responder
	case h.State == Declined || slices.Contains(h.Decliners, member):
		return "declined"
	case h.State == Withdrawn:
		return "withdrawn"
	case h.State == Expired:
		return "expired"
	}
	return ""
}
