package postgres

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/meridianhq/meridian/pkg/fault"
)

// IsUnique tells whether err is the violation of the named unique or primary key constraint or unique index; with
// an empty name, of any.
func IsUnique(err error, constraint string) bool {
	return violates(err, "23505", constraint)
}

func violates(err error, code, constraint string) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == code && (constraint == "" || pg.ConstraintName == constraint)
}

// IsLockTimeout tells whether err says that a lock was not had within lock_timeout.
func IsLockTimeout(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == "55P03"
}

// IsNoRows tells whether err says that a query for one row found none.
func IsNoRows(err error) bool { return errors.Is(err, pgx.ErrNoRows) }

// mustRepeat: the server rolled back and says that the same may succeed now. It is sure that nothing was committed.
func mustRepeat(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return false
	}
	switch pg.Code {
	case "40001", "40P01": // serialization_failure, deadlock_detected
		return true
	case "0A000": // a migration changed what a cached statement returns; pgx has forgotten the statement by now
		return strings.Contains(pg.Message, "cached plan must not change result type")
	}
	return false
}

// connectionLost: the connection could not be had or ended under the statement.
func connectionLost(err error) bool {
	if err == nil {
		return false
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch {
		case strings.HasPrefix(pg.Code, "08"): // connection exceptions
			return true
		case pg.Code == "57P01" || pg.Code == "57P02" || pg.Code == "57P03": // shutdown, crash, starting
			return true
		case pg.Code == "53300": // too_many_connections
			return true
		}
		return false
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		pgconn.SafeToRetry(err)
}

// unavailable wraps as fault Unavailable what another time may succeed. The end of ctx is the caller's own and stays
// as it is.
func unavailable(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && (pg.Code == "55P03" || pg.Code == "57014") {
		// lock_not_available, and query_canceled by the server's own statement_timeout.
		return fault.New(fault.Unavailable, fault.ReasonUnavailable, "the database is too busy; try again").Wrap(err)
	}
	if connectionLost(err) {
		return fault.New(fault.Unavailable, fault.ReasonUnavailable, "the database cannot be reached; try again").Wrap(err)
	}
	return err
}
