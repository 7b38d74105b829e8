// Package replay makes a write with a request_id happen once.
//
// The key of the call travels in the context; a use case claims it inside its own transaction, so the claim stands
// exactly when the write does. A failed call leaves nothing. A twin that runs at the same time waits for the first
// and then sees what it did. Kept are the request's hash and the resource's name, never an answer and never a secret.
package replay

import (
	"context"
	"crypto/subtle"
	"embed"
	"fmt"
	"io/fs"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/postgres"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Set is the table of claims, for every service that writes.
func Set() postgres.Set {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return postgres.Set{Name: "replay", FS: dir}
}

// Key is what makes two calls the same one, and Hash is what they must then agree in.
type Key struct {
	// Workspace is the caller's; uuid.Nil where the call belongs to none.
	Workspace uuid.UUID
	// Principal is who calls, as auth.Caller names it.
	Principal string
	// Method is the full gRPC method.
	Method string
	// RequestID is the client's.
	RequestID uuid.UUID
	// Hash is of the request without its request_id.
	Hash []byte
}

type contextKey struct{}

// NewContext returns ctx with the key of the call.
func NewContext(ctx context.Context, key Key) context.Context {
	return context.WithValue(ctx, contextKey{}, key)
}

// FromContext returns the key of the call; false when the client sent no request_id.
func FromContext(ctx context.Context) (Key, bool) {
	key, ok := ctx.Value(contextKey{}).(Key)
	return key, ok
}

// Without returns ctx without a key, for a use case that calls another one as a part of itself.
func Without(ctx context.Context) context.Context {
	if _, ok := FromContext(ctx); !ok {
		return ctx
	}
	return context.WithValue(ctx, contextKey{}, nil)
}

const claimTries = 3

const insertClaim = `
	INSERT INTO replay (workspace_id, principal, method, request_id, hash, resource)
	VALUES ($1, $2, $3, $4, $5, $6)`

func (k Key) claim(resource string) []any {
	return []any{k.Workspace, k.Principal, k.Method, k.RequestID, k.Hash, resource}
}

// Claim takes the key in ctx for the resource, inside the write's transaction tx. It is best the transaction's first
// statement: a replay then does nothing else, and the claim travels with BEGIN.
//
// When the same call was made before, it returns the name kept then and replayed is true: the use case returns that
// resource as it now stands. While a twin is under way it waits for the twin's end. Without a key in ctx it claims
// nothing. The same request_id with another request is fault Invalid REQUEST_ID_REUSED on field request_id.
func Claim(ctx context.Context, tx postgres.DBTX, resource string) (prior string, replayed bool, err error) {
	key, ok := FromContext(ctx)
	if !ok {
		return "", false, nil
	}
	// The loop is for a row that is pruned between the two statements.
	for range claimTries {
		tag, err := tx.Exec(ctx, insertClaim+" ON CONFLICT DO NOTHING", key.claim(resource)...)
		if err != nil {
			return "", false, fmt.Errorf("replay: claim: %w", err)
		}
		if tag.RowsAffected() == 1 {
			return "", false, nil
		}
		prior, found, err := Lookup(ctx, tx)
		if found || err != nil {
			return prior, found, err
		}
	}
	return "", false, fault.New(fault.Unavailable, fault.ReasonUnavailable, "the request_id is being cleared; try again")
}

// Queue is Claim for a write that goes to the database as one batch: it queues the claim, or nothing without a key in
// ctx. Where the call was made before, or its twin under way succeeds, the batch fails with an error that IsTaken
// knows, and nothing of the transaction stays; the caller then asks Lookup, outside of it, what was done.
func Queue(ctx context.Context, b *pgx.Batch, resource string) {
	if key, ok := FromContext(ctx); ok {
		b.Queue(insertClaim, key.claim(resource)...)
	}
}

// IsTaken tells whether err says that a queued claim was made before.
func IsTaken(err error) bool { return postgres.IsUnique(err, "replay_pkey") }

// Lookup returns the name that was kept for the key in ctx; found is false when there is no key or none was kept. The
// same request_id with another request is fault Invalid REQUEST_ID_REUSED on field request_id. db must have the key's
// workspace set.
func Lookup(ctx context.Context, db postgres.DBTX) (prior string, found bool, err error) {
	key, ok := FromContext(ctx)
	if !ok {
		return "", false, nil
	}
	var hash []byte
	err = db.QueryRow(ctx, `
		SELECT hash, resource FROM replay
		WHERE workspace_id = $1 AND principal = $2 AND method = $3 AND request_id = $4`,
		key.Workspace, key.Principal, key.Method, key.RequestID).Scan(&hash, &prior)
	switch {
	case postgres.IsNoRows(err):
		return "", false, nil
	case err != nil:
		return "", false, fmt.Errorf("replay: read the claim: %w", err)
	case subtle.ConstantTimeCompare(hash, key.Hash) != 1:
		return "", false, reused()
	}
	return prior, true, nil
}

func reused() error {
	return fault.New(fault.Invalid, fault.ReasonRequestIDReused, "the request_id was used with another request").
		WithField("request_id", "must be new for a new request")
}
