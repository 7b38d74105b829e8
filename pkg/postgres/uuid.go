package postgres

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	pgxuuid "github.com/vgarvardt/pgx-google-uuid/v5"
)

// registerUUIDs has a connection send UUIDs as they are. Left alone, pgx makes text of each, one by one and by reflection
// for a slice, which was a fifth of all that a busy service did.
func registerUUIDs(_ context.Context, conn *pgx.Conn) error {
	types := conn.TypeMap()
	pgxuuid.Register(types)
	types.TryWrapEncodePlanFuncs = append([]pgtype.TryWrapEncodePlanFunc{wrapUUIDs}, types.TryWrapEncodePlanFuncs...)
	return nil
}

func wrapUUIDs(value any) (plan pgtype.WrappedEncodePlanNextSetter, next any, ok bool) {
	ids, ok := value.([]uuid.UUID)
	if !ok {
		return nil, nil, false
	}
	return &uuidsPlan{}, pgtype.FlatArray[uuid.UUID](ids), true
}

// uuidsPlan is pgtype's plan of a one-dimensional array, without reflection.
type uuidsPlan struct{ next pgtype.EncodePlan }

// SetNext implements pgtype.WrappedEncodePlanNextSetter.
func (p *uuidsPlan) SetNext(next pgtype.EncodePlan) { p.next = next }

// Encode implements pgtype.EncodePlan.
func (p *uuidsPlan) Encode(value any, buf []byte) ([]byte, error) {
	return p.next.Encode(pgtype.FlatArray[uuid.UUID](value.([]uuid.UUID)), buf)
}
