package postgres

import (
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
)

// plainUUIDs has pgx send and read a uuid.UUID as the 16 bytes that it is. By itself it makes text of each and parses that.
func plainUUIDs(m *pgtype.Map) {
	m.TryWrapEncodePlanFuncs = append([]pgtype.TryWrapEncodePlanFunc{encodeUUID}, m.TryWrapEncodePlanFuncs...)
	m.TryWrapScanPlanFuncs = append([]pgtype.TryWrapScanPlanFunc{scanUUID}, m.TryWrapScanPlanFuncs...)
}

// sentUUID and readUUID are a uuid.UUID as pgx knows it.
type (
	sentUUID uuid.UUID
	readUUID uuid.UUID
)

// UUIDValue implements pgtype.UUIDValuer.
func (u sentUUID) UUIDValue() (pgtype.UUID, error) { return pgtype.UUID{Bytes: u, Valid: true}, nil }

// ScanUUID implements pgtype.UUIDScanner. NULL leaves what was there, as uuid.UUID's own scanner does.
func (u *readUUID) ScanUUID(v pgtype.UUID) error {
	if v.Valid {
		*u = v.Bytes
	}
	return nil
}

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

func scanUUID(target any) (plan pgtype.WrappedScanPlanNextSetter, next any, ok bool) {
	if id, is := target.(*uuid.UUID); is {
		return &scansUUID{}, (*readUUID)(id), true
	}
	return nil, nil, false
}

type scansUUID struct{ next pgtype.ScanPlan }

func (p *scansUUID) SetNext(next pgtype.ScanPlan) { p.next = next }

func (p *scansUUID) Scan(src []byte, target any) error {
	id, _ := target.(*uuid.UUID)
	return p.next.Scan(src, (*readUUID)(id))
}
