package backup

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/eventbus"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

// told is an event where it first stands in the stream.
type told struct {
	eventbus.Meta

	payload proto.Message
}

// readAll reads the whole stream.
func readAll(t *testing.T, p *place) []told {
	t.Helper()
	var all []told
	seen := map[uuid.UUID]bool{}
	require.NoError(t, p.read(t.Context(), reading{}, func(msg jetstream.Msg, at *jetstream.MsgMetadata) error {
		meta, payload, err := eventbus.Decode(msg.Headers(), msg.Subject(), msg.Data())
		if err == nil && !seen[meta.ID] {
			meta.Stream = at.Sequence.Stream
			all = append(all, told{Meta: meta, payload: payload})
		}
		seen[meta.ID] = true
		return err
	}))
	return all
}

// audit compares the stream, the tables and the effects, and says what does not agree. The stream may begin anew.
func audit(t *testing.T, p *place, whole bool) (findings []string) {
	t.Helper()
	findf := func(format string, args ...any) { findings = append(findings, fmt.Sprintf(format, args...)) }
	messages, asks, versions := map[string]int{}, map[string]int{}, map[string]int64{}
	for _, e := range readAll(t, p) {
		// Aggregates of different services may have one name; what notifications do not tell of counts there too.
		key := e.Source + " " + e.Aggregate
		last, known := versions[key]
		if e.Version != last+1 && (known || whole) && !strings.HasSuffix(e.Source, "/notifications") {
			findf("version %d of %s follows %d", e.Version, e.Aggregate, last)
		}
		versions[key] = e.Version
		switch payload := e.payload.(type) {
		case *threadsv1.MessagePosted:
			messages[e.Subject]++
		case *threadsv1.AskOpened:
			for _, r := range payload.GetAsk().GetRecipients() {
				asks[e.Subject+" "+r.GetMember()]++
			}
		}
	}
	same := func(what string, stream, tables map[string]int) {
		for key := range merged(stream, tables) {
			if tables[key] != 1 || (stream[key] != 1 && (whole || stream[key] != 0)) {
				findf("%s %s stands %d times in the stream and %d times in the tables", what, key, stream[key], tables[key])
			}
		}
	}
	same("message", messages, count(t, p, `SELECT 'workspaces/' || workspace_id || '/threads/' || thread_id || '/messages/' || sequence FROM threads.messages`))
	same("ask", asks, count(t, p, `SELECT source || ' workspaces/' || workspace_id || '/members/' || recipient_id
		FROM notifications.notifications WHERE reason = 'ASKED'`))
	for _, query := range []string{
		`SELECT 'no search of ' || m.sequence FROM threads.messages m LEFT JOIN threads.search_rows s USING (workspace_id, thread_id, sequence) WHERE s.sequence IS NULL`,
		`SELECT 'no message to find: ' || s.sequence FROM threads.search_rows s LEFT JOIN threads.messages m USING (workspace_id, thread_id, sequence) WHERE m.sequence IS NULL AND s.sequence > 0`,
		`SELECT 'no notification of ask ' || ask_id FROM threads.ask_recipients a WHERE NOT EXISTS (SELECT FROM notifications.notifications n
			WHERE n.workspace_id = a.workspace_id AND n.source LIKE '%/asks/' || a.ask_id)`,
		`SELECT 'read states of ' || thread_id FROM threads.thread_activity a JOIN threads.threads t USING (workspace_id, thread_id)
			WHERE a.activity_time < (SELECT max(create_time) FROM threads.messages m WHERE m.workspace_id = t.workspace_id AND m.thread_id = t.thread_id)`,
	} {
		findings = append(findings, slices.Collect(maps.Keys(count(t, p, query)))...)
	}
	services, err := schemas(t.Context(), p.db)
	require.NoError(t, err)
	for _, schema := range services {
		for _, table := range []string{"outbox_failed", "dead_letters"} {
			if n := len(count(t, p, "SELECT event_id::text FROM "+schema+"."+table)); n > 0 {
				findf("%d rows in %s.%s", n, schema, table)
			}
		}
	}
	return findings
}

func merged(all ...map[string]int) map[string]bool {
	keys := map[string]bool{}
	for _, each := range all {
		for key := range each {
			keys[key] = true
		}
	}
	return keys
}

// count counts the rows of each text.
func count(t *testing.T, p *place, query string) map[string]int {
	t.Helper()
	rows, err := texts(t.Context(), p.db, query)
	require.NoError(t, err)
	found := map[string]int{}
	for _, row := range rows {
		found[row]++
	}
	return found
}

// announced are the restores that the stream tells of.
func announced(t *testing.T, p *place) []*directoryv1.WorkspaceRestored {
	t.Helper()
	var found []*directoryv1.WorkspaceRestored
	for _, e := range readAll(t, p) {
		if payload, ok := e.payload.(*directoryv1.WorkspaceRestored); ok {
			found = append(found, payload)
		}
	}
	return found
}

func (s *site) place() *place {
	s.t.Helper()
	p, err := s.config().open(context.WithoutCancel(s.t.Context()))
	require.NoError(s.t, err)
	s.t.Cleanup(p.close)
	return p
}
