package threads

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// operations are all methods that need a right on a thread's space, by the right they need.
func (w *world) operations(thread, message string) map[auth.Right]map[string]func(context.Context) error {
	parent := message
	return map[auth.Right]map[string]func(context.Context) error{
		auth.Reader: {
			"GetThread": func(ctx context.Context) error {
				_, err := w.threads.GetThread(ctx, &threadsv1.GetThreadRequest{Name: thread})
				return err
			},
			"GetMessage": func(ctx context.Context) error {
				_, err := w.messages.GetMessage(ctx, &threadsv1.GetMessageRequest{Name: message})
				return err
			},
			"ListMessages": func(ctx context.Context) error {
				_, err := w.messages.ListMessages(ctx, &threadsv1.ListMessagesRequest{Parent: thread})
				return err
			},
			"ListMessageRevisions": func(ctx context.Context) error {
				_, err := w.messages.ListMessageRevisions(ctx, &threadsv1.ListMessageRevisionsRequest{Parent: parent})
				return err
			},
		},
		auth.Writer: {
			"CreateMessage": func(ctx context.Context) error {
				_, err := w.messages.CreateMessage(ctx, &threadsv1.CreateMessageRequest{Parent: thread, Message: &threadsv1.Message{Body: "x"}})
				return err
			},
			"AddReaction": func(ctx context.Context) error {
				_, err := w.messages.AddReaction(ctx, &threadsv1.AddReactionRequest{Name: message, Emoji: "👍"})
				return err
			},
			"RemoveReaction": func(ctx context.Context) error {
				_, err := w.messages.RemoveReaction(ctx, &threadsv1.RemoveReactionRequest{Name: message, Emoji: "👍"})
				return err
			},
			"UpdateThread": func(ctx context.Context) error {
				_, err := w.threads.UpdateThread(ctx, &threadsv1.UpdateThreadRequest{Thread: &threadsv1.Thread{Name: thread, Title: "u"}})
				return err
			},
			"ResolveThread": func(ctx context.Context) error {
				_, err := w.threads.ResolveThread(ctx, &threadsv1.ResolveThreadRequest{Name: thread, Outcome: "o"})
				return notState(err)
			},
			"ReopenThread": func(ctx context.Context) error {
				_, err := w.threads.ReopenThread(ctx, &threadsv1.ReopenThreadRequest{Name: thread})
				return notState(err)
			},
		},
	}
}

// notState drops a refusal by the state, which comes after the right.
func notState(err error) error {
	if status.Code(err) == codes.FailedPrecondition {
		return nil
	}
	return err
}

func TestRights(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws := uuid.Must(uuid.NewV7())
	open, private := w.space(ws, false), w.space(ws, true)
	founder := w.member(ws, auth.Member, "founder")
	w.grant(ws, private, founder.Member, auth.Writer)

	reader, writer, manager := w.member(ws, auth.Member, "reader"), w.member(ws, auth.Member, "writer"), w.member(ws, auth.Member, "manager")
	guest, guestReader, teamWriter := w.member(ws, auth.Guest, "guest"), w.member(ws, auth.Guest, "guest-reader"), w.member(ws, auth.Member, "team-writer")
	admin, owner := w.member(ws, auth.Admin, "admin"), w.member(ws, auth.Owner, "owner")
	invited, deactivated := w.memberIn(ws, auth.Member, "invited", "INVITED"), w.memberIn(ws, auth.Owner, "deactivated", "DEACTIVATED")
	w.grant(ws, private, reader.Member, auth.Reader)
	w.grant(ws, private, writer.Member, auth.Writer)
	w.grant(ws, private, manager.Member, auth.Manager)
	w.grant(ws, private, w.team(ws, "writers", teamWriter), auth.Writer)
	for _, p := range []person{guestReader, invited, deactivated} {
		w.grant(ws, private, p.Member, auth.Reader)
		w.grant(ws, open, p.Member, auth.Reader)
	}
	for name, test := range map[string]struct {
		who           person
		open, private auth.Right
	}{
		"member without a grant":    {founder2(w, ws), auth.Writer, auth.NoRight},
		"reader":                    {reader, auth.Writer, auth.Reader},
		"writer":                    {writer, auth.Writer, auth.Writer},
		"manager":                   {manager, auth.Writer, auth.Manager},
		"writer by a team":          {teamWriter, auth.Writer, auth.Writer},
		"guest":                     {guest, auth.NoRight, auth.NoRight},
		"guest with a grant":        {guestReader, auth.Reader, auth.Reader},
		"admin":                     {admin, auth.Manager, auth.NoRight},
		"owner":                     {owner, auth.Manager, auth.NoRight},
		"invited, with a grant":     {invited, auth.NoRight, auth.NoRight},
		"deactivated, with a right": {deactivated, auth.NoRight, auth.NoRight},
	} {
		for space, have := range map[uuid.UUID]auth.Right{open: test.open, private: test.private} {
			thread := w.begin(founder, space, "t").GetName()
			message := w.post(founder, thread, "x").GetName()
			for need, calls := range w.operations(thread, message) {
				for method, call := range calls {
					requireRight(t, call(test.who.ctx), have, need, name+": "+method)
				}
			}
			_, err := w.threads.ArchiveThread(test.who.ctx, &threadsv1.ArchiveThreadRequest{Name: thread})
			requireRight(t, err, have, auth.Manager, name+": ArchiveThread")
			_, err = w.threads.CreateThread(test.who.ctx, &threadsv1.CreateThreadRequest{
				Parent: domain.WorkspaceName(ws), Thread: &threadsv1.Thread{Space: domain.SpaceName(ws, space), Title: "t"},
			})
			requireRight(t, err, have, auth.Writer, name+": CreateThread")
		}
	}
}

func founder2(w *world, ws uuid.UUID) person { return w.member(ws, auth.Member, "another") }

func requireRight(t *testing.T, err error, have, need auth.Right, what string) {
	t.Helper()
	want := codes.OK
	switch {
	case have < auth.Reader:
		want = codes.NotFound
	case have < need:
		want = codes.PermissionDenied
	}
	require.Equal(t, want, status.Code(err), "%s: %v", what, err)
}

// Lists show what may be read and no trace of anything else.
func TestListsShowOnlyWhatMayBeRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws := uuid.Must(uuid.NewV7())
	open, private := w.space(ws, false), w.space(ws, true)
	ada, guest, owner := w.member(ws, auth.Member, "ada"), w.member(ws, auth.Guest, "guest"), w.member(ws, auth.Owner, "owner")
	w.grant(ws, private, ada.Member, auth.Writer)
	w.begin(ada, open, "in the open")
	w.begin(ada, private, "in private")
	titles := func(p person, filter string) []string {
		resp, err := w.threads.ListThreads(p.ctx, &threadsv1.ListThreadsRequest{Parent: domain.WorkspaceName(ws), Filter: filter})
		require.NoError(t, err)
		var all []string
		for _, thread := range resp.GetThreads() {
			all = append(all, thread.GetTitle())
		}
		return all
	}
	require.ElementsMatch(t, []string{"in the open", "in private"}, titles(ada, ""))
	require.Equal(t, []string{"in the open"}, titles(owner, ""))
	require.Empty(t, titles(guest, ""))
	require.Empty(t, titles(owner, `space = "`+domain.SpaceName(ws, private)+`"`))
	w.grant(ws, private, guest.Member, auth.Reader)
	require.Equal(t, []string{"in private"}, titles(guest, ""))
	w.grant(ws, private, guest.Member, auth.NoRight)
	require.Empty(t, titles(guest, ""), "what was taken away is gone at once")
}

// TestAPageEndsWithTheRight has a page of messages wait while the right is taken away and more is said.
func TestAPageEndsWithTheRight(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws := uuid.Must(uuid.NewV7())
	private := w.space(ws, true)
	ada, guest := w.member(ws, auth.Member, "ada"), w.member(ws, auth.Guest, "guest")
	w.grant(ws, private, ada.Member, auth.Writer)
	w.grant(ws, private, guest.Member, auth.Reader)
	thread := w.begin(ada, private, "t").GetName()
	w.post(ada, thread, "for the guest too")
	list := func() error {
		_, err := w.messages.ListMessages(guest.ctx, &threadsv1.ListMessagesRequest{Parent: thread})
		return err
	}
	for range 3 {
		require.NoError(t, list(), "its statements are prepared then, which waits too")
	}
	tx, err := w.db.Owner.Pool().Begin(w.ctx)
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(context.WithoutCancel(w.ctx)) }()
	_, err = tx.Exec(w.ctx, `LOCK TABLE messages IN ACCESS EXCLUSIVE MODE`)
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- list() }()
	require.Eventually(t, func() bool {
		var waiting bool
		err := w.db.Owner.Pool().QueryRow(w.ctx, `SELECT EXISTS (SELECT FROM pg_locks
			WHERE NOT granted AND $1 = ANY (pg_blocking_pids(pid)))`, tx.Conn().PgConn().PID()).Scan(&waiting)
		return err == nil && waiting
	}, 20*time.Second, 10*time.Millisecond)
	_, err = tx.Exec(w.ctx, `UPDATE space_grants SET access = 0 WHERE principal_id = $1`, guest.Member)
	require.NoError(t, err)
	_, err = tx.Exec(w.ctx, `UPDATE messages SET body = 'not for the guest'`)
	require.NoError(t, err)
	require.NoError(t, tx.Commit(w.ctx))
	rpctest.Failed(t, <-done, codes.NotFound, fault.ReasonResourceNotFound)
}

func TestAnotherWorkspaceIsNotThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, space, ada := w.open()
	thread := w.begin(ada, space, "t").GetName()
	message := w.post(ada, thread, "x").GetName()
	_, _, stranger := w.open()
	for _, calls := range w.operations(thread, message) {
		for method, call := range calls {
			require.Equal(t, codes.NotFound, status.Code(call(stranger.ctx)), method)
		}
	}
	// Nor under their own workspace's name.
	id, err := uuid.Parse(domain.LastID(thread))
	require.NoError(t, err)
	own := domain.ThreadName(stranger.Workspace, id)
	for _, calls := range w.operations(own, own+"/messages/1") {
		for method, call := range calls {
			require.Equal(t, codes.NotFound, status.Code(call(stranger.ctx)), method)
		}
	}
	_, err = w.threads.ListThreads(stranger.ctx, &threadsv1.ListThreadsRequest{Parent: domain.WorkspaceName(ada.Workspace)})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
}

func TestScopesAndTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, space, ada := w.open()
	thread := w.begin(ada, space, "t").GetName()
	limited := ada.Caller
	limited.Scopes = []string{auth.ScopeThreadsRead}
	ctx := w.authority.As(t, w.ctx, limited)
	_, err := w.threads.GetThread(ctx, &threadsv1.GetThreadRequest{Name: thread})
	require.NoError(t, err)
	_, err = w.messages.CreateMessage(ctx, &threadsv1.CreateMessageRequest{Parent: thread, Message: &threadsv1.Message{Body: "x"}})
	rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonScopeMissing)
	_, err = w.threads.GetThread(w.ctx, &threadsv1.GetThreadRequest{Name: thread})
	rpctest.Failed(t, err, codes.Unauthenticated, fault.ReasonUnauthenticated)
}

// Before the projection refuses, the directory is asked, once; what it answers counts.
func TestTheDirectoryIsAskedBeforeARefusal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws := uuid.Must(uuid.NewV7())
	private := w.space(ws, true)
	ada, bob := w.member(ws, auth.Member, "ada"), w.member(ws, auth.Member, "bob")
	w.grant(ws, private, ada.Member, auth.Writer)
	thread := w.begin(ada, private, "t").GetName()
	message := w.post(ada, thread, "x").GetName()
	require.Zero(t, w.directory.asked, "what is allowed asks nobody")

	_, err := w.messages.GetMessage(bob.ctx, &threadsv1.GetMessageRequest{Name: message})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	require.Equal(t, 1, w.directory.asked)

	for _, calls := range w.operations(thread, message) {
		for method, call := range calls {
			w.directory.answer = func() { w.grant(ws, private, bob.Member, auth.Writer) }
			require.NoError(t, call(bob.ctx), method)
			w.grant(ws, private, bob.Member, auth.NoRight)
		}
	}
	w.directory.answer = nil
	w.directory.down = fault.New(fault.Unavailable, fault.ReasonUnavailable, "the directory is away")
	_, err = w.messages.GetMessage(bob.ctx, &threadsv1.GetMessageRequest{Name: message})
	rpctest.Failed(t, err, codes.Unavailable, fault.ReasonUnavailable)
	_, err = w.messages.GetMessage(ada.ctx, &threadsv1.GetMessageRequest{Name: message})
	require.NoError(t, err, "what the projection allows does not need the directory")
}

// Row-level security is the second wall: with another workspace set, the store's own statements see nothing.
func TestRowLevelSecurity(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, space, ada := w.open()
	thread := w.begin(ada, space, "t")
	m := w.post(ada, thread.GetName(), "x")
	_, err := w.edit(ada, m.GetName(), "y", "")
	require.NoError(t, err)
	_, err = w.messages.AddReaction(ada.ctx, &threadsv1.AddReactionRequest{Name: m.GetName(), Emoji: "👍"})
	require.NoError(t, err)
	for _, table := range []string{"threads", "thread_activity", "messages", "message_revisions", "message_reactions", "members", "spaces"} {
		for set, want := range map[uuid.UUID]int{ws: 1, uuid.Must(uuid.NewV7()): 0, uuid.Nil: 0} {
			var n int
			require.NoError(t, w.db.App.For(set).QueryRow(w.ctx, `SELECT count(*) FROM `+table+` WHERE workspace_id = $1`, ws).Scan(&n))
			require.Equal(t, want, n, "%s as %s", table, set)
		}
	}
	tag, err := w.db.App.For(uuid.Must(uuid.NewV7())).Exec(w.ctx, `UPDATE threads SET title = 'stolen' WHERE workspace_id = $1`, ws)
	require.NoError(t, err)
	require.Zero(t, tag.RowsAffected())
	_, err = w.db.App.For(uuid.Must(uuid.NewV7())).Exec(w.ctx, `UPDATE threads SET workspace_id = $1`, ws)
	require.NoError(t, err)
	_, err = w.db.App.For(uuid.Must(uuid.NewV7())).Exec(w.ctx, `INSERT INTO thread_activity VALUES ($1, $1, $1, now())`, ws)
	require.ErrorContains(t, err, "row-level security")
}

func TestEveryTableHasRowLevelSecurity(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rows, err := w.db.Owner.Pool().Query(w.ctx, `
		SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = 'threads' AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity AND c.relname NOT LIKE 'goose_%'`)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		require.Fail(t, "a table without row-level security", name)
	}
	require.NoError(t, rows.Err())
}
