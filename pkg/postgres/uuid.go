package postgres

import (
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
)

// plainUUIDs has pgx send and read a uuid.UUID as the 16 bytes that it is. By itself it makes text of each and parses that.
func plainUUIDs(m *pgtype.Map) {
	m.TryWrapEncodePlanFuncs = append([]pgtype.TryWrapEncodePlanFunc{encodeUUID}, m.TryWrapEncodePlanFuncs...)
	one := &pgtype.Type{Name: "uuid", OID: pgtype.UUIDOID, Codec: uuidCodec{}}
	m.RegisterType(one)
	m.RegisterType(&pgtype.Type{Name: "_uuid", OID: pgtype.UUIDArrayOID, Codec: &pgtype.ArrayCodec{ElementType: one}})
}

// sentUUID is a uuid.UUID as pgx knows it.
type sentUUID uuid.UUID

// UUIDValue implements pgtype.UUIDValuer.
func (u sentUUID) UUIDValue() (pgtype.UUID, error) { return pgtype.UUID{Bytes: u, Valid: true}, nil }

func encodeUUID(value any) (plan pgtype.WrappedEncodePlanNextSetter, next any, ok bool) {
	switch value := value.(type) {
	case uuid.UUID:
		return &encodesUUID{}, sentUUID(value), true
	case []uuid.UUID:
		return &encodesUUIDs{}, pgtype.FlatArray[uuid.UUID](value), true
	}
	return nil, nil, false
}

type encodesUUID struct{ next pgtype.EncodePlan }

func (p *encodesUUID) SetNext(next pgtype.EncodePlan) { p.next = next }

func (p *encodesUUID) Encode(value any, buf []byte) ([]byte, error) {
	id, _ := value.(uuid.UUID) // of the type that the plan was made for
	return p.next.Encode(sentUUID(id), buf)
}

type encodesUUIDs struct{ next pgtype.EncodePlan }

func (p *encodesUUIDs) SetNext(next pgtype.EncodePlan) { p.next = next }

func (p *encodesUUIDs) Encode(value any, buf []byte) ([]byte, error) {
	ids, _ := value.([]uuid.UUID)
	if ids == nil {
		return nil, nil
	}
	return p.next.Encode(pgtype.FlatArray[uuid.UUID](ids), buf)
}

// uuidCodec is pgtype's, but for what a uuid.UUID is read into.
type uuidCodec struct{ pgtype.UUIDCodec }

// PlanScan implements pgtype.Codec. Only here can it be said: what is an sql.Scanner, as *uuid.UUID is, pgx wraps no
// further.
func (c uuidCodec) PlanScan(m *pgtype.Map, oid uint32, format int16, target any) pgtype.ScanPlan {
	if _, ok := target.(*uuid.UUID); ok && format == pgtype.BinaryFormatCode {
		return scansUUID{}
	}
	return c.UUIDCodec.PlanScan(m, oid, format, target)
}

type scansUUID struct{}

// Scan implements pgtype.ScanPlan. NULL leaves what was there, as uuid.UUID's own scanner does.
func (scansUUID) Scan(src []byte, target any) error {
	id, ok := target.(*uuid.UUID)
	switch {
	case src == nil:
		return nil
	case !ok || len(src) != len(id):
		return fmt.Errorf("postgres: %d bytes are no UUID", len(src))
	}
	copy(id[:], src)
	return nil
}
