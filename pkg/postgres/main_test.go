package postgres_test

import (
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"slices"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/pgtest"
	"github.com/meridianhq/meridian/pkg/postgres"
)

// notes is a service's migrations as they are meant to be written.
var notes = postgres.Set{Name: "notes", FS: fstest.MapFS{"00001_notes.sql": {Data: []byte(`-- +goose Up
CREATE TABLE note (
    workspace_id uuid NOT NULL, id int NOT NULL, body text NOT NULL DEFAULT '',
    CONSTRAINT note_pkey PRIMARY KEY (workspace_id, id)
);
ALTER TABLE note ENABLE ROW LEVEL SECURITY;
CREATE POLICY note_workspace ON note USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
`)}}}

func newNotes(tb testing.TB) *pgtest.DB {
	tb.Helper()
	return pgtest.New(tb, "notes", notes)
}

// wire is a proxy before the server that counts the round trips: how often the client told the server to answer.
type wire struct {
	mu    sync.Mutex
	trips int
}

func (w *wire) add(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trips += n
}

// take returns the round trips since the last call.
func (w *wire) take() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.trips
	w.trips = 0
	return n
}

// newWire returns the proxy and the URL through it.
func newWire(t *testing.T, to string) (*wire, string) {
	t.Helper()
	u, err := url.Parse(to)
	require.NoError(t, err)
	target := u.Host
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	u.Host = l.Addr().String()
	w := &wire{}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", target)
			if err != nil {
				_ = client.Close()
				continue
			}
			go func() { _, _ = io.Copy(client, server); _ = client.Close() }()
			go func() { w.pump(client, server); _ = server.Close() }()
		}
	}()
	return w, u.String()
}

// pump carries the client's messages and counts those that ask for an answer: Sync and Query.
func (w *wire) pump(client io.Reader, server io.Writer) {
	startup := true
	for {
		head := make([]byte, 5)
		if startup {
			head = head[:4]
		}
		if _, err := io.ReadFull(client, head); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(head[len(head)-4:])-4)
		if _, err := io.ReadFull(client, body); err != nil {
			return
		}
		if !startup && (head[0] == 'S' || head[0] == 'Q') {
			w.add(1)
		}
		startup = false
		if _, err := server.Write(slices.Concat(head, body)); err != nil {
			return
		}
	}
}

func open(t *testing.T, url string, opts postgres.Options) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), url, opts)
	require.NoError(t, err)
	t.Cleanup(db.Close)
	return db
}

// seed puts notes 1..n into the workspace.
func seed(t *testing.T, db *pgtest.DB, ws uuid.UUID, n int) {
	t.Helper()
	_, err := db.Owner.Pool().Exec(t.Context(), "insert into note select $1, generate_series(1, $2)", ws, n)
	require.NoError(t, err)
}
