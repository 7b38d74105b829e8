package arch

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// statement is one of a migration, on one line, without comments.
type statement struct {
	text       string
	contracted bool // it is marked as one that takes something away
}

var (
	comment = regexp.MustCompile(`--.*`)
	blanks  = regexp.MustCompile(`\s+`)
)

// statements parts the first half of a migration, as goose does: at semicolons that end a line, but for what is marked as one.
func statements(text string) []statement {
	_, up, _ := strings.Cut(text, "-- +goose Up")
	up, _, _ = strings.Cut(up, "-- +goose Down")
	var (
		all  []statement
		next statement
		one  bool
	)
	for line := range strings.Lines(up) {
		next.contracted = next.contracted || strings.HasPrefix(line, contracts)
		switch {
		case strings.HasPrefix(line, "-- +goose StatementBegin"):
			one = true
		case strings.HasPrefix(line, "-- +goose StatementEnd"):
			one = false
		}
		line = strings.TrimSpace(comment.ReplaceAllString(line, ""))
		next.text = strings.TrimSpace(next.text + " " + line)
		if !one && strings.HasSuffix(next.text, ";") {
			next.text = blanks.ReplaceAllString(strings.TrimSuffix(next.text, ";"), " ")
			all, next = append(all, next), statement{}
		}
	}
	return all
}

var (
	createTable = regexp.MustCompile(`^CREATE TABLE (\w+) `)
	createIndex = regexp.MustCompile(`^CREATE (?:UNIQUE )?INDEX (CONCURRENTLY )?(\w+) ON (\w+) `)
	dropIndex   = regexp.MustCompile(`^DROP INDEX (CONCURRENTLY )?(?:IF EXISTS )?\w+$`)
	alterTable  = regexp.MustCompile(`^ALTER TABLE (\w+) (.*)$`)
	changeRows  = regexp.MustCompile(`^(?:UPDATE|DELETE FROM|INSERT INTO) (\w+)`)
	harmless    = regexp.MustCompile(`^(CREATE (OR REPLACE )?FUNCTION|CREATE POLICY|GRANT|REVOKE|COMMENT ON) `)
	takesAway   = regexp.MustCompile(`^(DROP|TRUNCATE) `)
)

// migration is what was read of one so far.
type migration struct {
	all  []statement
	bare bool // it is no transaction: each statement stands alone, and may be run again
	made []string
}

// keeps says where a migration breaks the rule.
func keeps(text string) error {
	m := migration{all: statements(text), bare: strings.HasPrefix(text, "-- +goose NO TRANSACTION")}
	for _, s := range m.all {
		if why := m.against(s); why != "" {
			return fmt.Errorf("%s: %s", s.text, why)
		}
	}
	return nil
}

// against is what the rule has against a statement; nothing where it keeps it.
func (m *migration) against(s statement) string {
	if s.contracted {
		return ""
	}
	if made := createTable.FindStringSubmatch(s.text); made != nil {
		m.made = append(m.made, made[1])
		return m.once()
	}
	if index := createIndex.FindStringSubmatch(s.text); index != nil {
		return m.index(index[1] != "", index[2], index[3])
	}
	if index := dropIndex.FindStringSubmatch(s.text); index != nil {
		return m.alone(index[1] != "")
	}
	if table := alterTable.FindStringSubmatch(s.text); table != nil {
		return m.alter(table[1], table[2])
	}
	if rows := changeRows.FindStringSubmatch(s.text); rows != nil {
		if m.bare || slices.Contains(m.made, rows[1]) {
			return ""
		}
		return "rows of a table that is in use are changed in a file with NO TRANSACTION, where no lock on the table is held meanwhile"
	}
	switch {
	case harmless.MatchString(s.text):
		return m.once()
	case takesAway.MatchString(s.text):
		return "it takes away what the version before may use"
	}
	return "it is no part of the rule"
}

// once is against a statement that fails when it is run again where that may happen.
func (m *migration) once() string {
	if m.bare {
		return "where there is NO TRANSACTION, each statement must be one that may be run again"
	}
	return ""
}

// alone is against work on an index that locks its table.
func (m *migration) alone(concurrently bool) string {
	switch {
	case !concurrently:
		return "the index of a table that is in use is made and dropped CONCURRENTLY"
	case !m.bare:
		return "CONCURRENTLY needs NO TRANSACTION"
	}
	return ""
}

func (m *migration) index(concurrently bool, name, table string) string {
	if slices.Contains(m.made, table) {
		return ""
	}
	if why := m.alone(concurrently); why != "" {
		return why
	}
	again := func(s statement) bool { return s.text == "DROP INDEX CONCURRENTLY IF EXISTS "+name }
	if !slices.ContainsFunc(m.all, again) {
		return "what is left of an index whose making failed must be dropped first, so that it may be run again"
	}
	return ""
}

var (
	action     = regexp.MustCompile(`, (ADD|DROP|ALTER|RENAME|VALIDATE|ENABLE|SET) `)
	addColumn  = regexp.MustCompile(`^ADD (?:COLUMN )?\w+ [a-z]+(?:\[\]|\(\d+(?:, \d+)?\))?(?: NULL)?(?:(?: NOT NULL)? DEFAULT (?:'[^']*'|[-\d.]+|true|false))?$`)
	addCheck   = regexp.MustCompile(`^ADD CONSTRAINT (\w+) CHECK \(.*\)( NOT VALID)?$`)
	dropCheck  = regexp.MustCompile(`^DROP CONSTRAINT (\w+)$`)
	rowsSecure = "ENABLE ROW LEVEL SECURITY"
)

// alter is what the rule has against the actions of an ALTER TABLE.
func (m *migration) alter(table, actions string) string {
	if slices.Contains(m.made, table) {
		return ""
	}
	for _, one := range strings.Split(action.ReplaceAllString(actions, "\n$1 "), "\n") {
		if why := m.change(one); why != "" {
			return why
		}
	}
	return ""
}

func (m *migration) change(one string) string {
	check, dropped := addCheck.FindStringSubmatch(one), dropCheck.FindStringSubmatch(one)
	switch {
	case strings.HasPrefix(one, "VALIDATE CONSTRAINT "):
		if !m.bare {
			return "a constraint is validated in a file with NO TRANSACTION, where no lock on the table is held meanwhile"
		}
		return ""
	case one == rowsSecure, addColumn.MatchString(one):
		return m.once()
	case len(check) > 0 && check[2] == "":
		return "a check is added NOT VALID, and validated in another file"
	case len(check) > 0 && !m.says("DROP CONSTRAINT "+check[1]):
		return "a check that is new is narrower than none: the version before may break it"
	case len(check) > 0:
		return m.once()
	case len(dropped) > 0 && m.says("ADD CONSTRAINT "+dropped[1]+" CHECK"):
		return m.once()
	case strings.HasPrefix(one, "DROP "):
		return "it takes away what the version before may use"
	case strings.HasPrefix(one, "ADD "):
		return "a column is NULL or has a constant default, and nothing that all rows must be read for"
	}
	return "it is no part of the rule"
}

// says whether a statement of the migration holds words.
func (m *migration) says(words string) bool {
	return slices.ContainsFunc(m.all, func(s statement) bool { return strings.Contains(s.text+" ", words+" ") })
}
