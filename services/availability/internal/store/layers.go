package store

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/store/db"
)

// Layer implements app.Store.
func (s *Store) Layer(ctx context.Context, ws, member uuid.UUID, kind domain.LayerKind, layer uuid.UUID) (domain.Layer, error) {
	return layerBy(ctx, s.queries(ws), ws, member, kind, layer)
}

// Layer implements app.Tx.
func (t *tx) Layer(ctx context.Context, member uuid.UUID, kind domain.LayerKind, layer uuid.UUID) (domain.Layer, error) {
	return layerBy(ctx, t.now, t.ws, member, kind, layer)
}

func layerBy(ctx context.Context, q *db.Queries, ws, member uuid.UUID, kind domain.LayerKind, layer uuid.UUID) (domain.Layer, error) {
	row, err := q.Layer(ctx, db.LayerParams{WorkspaceID: ws, MemberID: member, LayerID: layer, Kind: string(kind)})
	if postgres.IsNoRows(err) {
		return domain.Layer{}, fault.NotFoundName(domain.LayerName(ws, member, kind, layer))
	}
	if err != nil {
		return domain.Layer{}, fmt.Errorf("read a layer: %w", err)
	}
	return layerOf(row.Layer)
}

// Layers implements app.Store.
func (s *Store) Layers(
	ctx context.Context, ws, member uuid.UUID, kind domain.LayerKind, p app.Page,
) (page.Result[domain.Layer, app.Cursor], error) {
	none := page.Result[domain.Layer, app.Cursor]{}
	found, err := s.queries(ws).ListLayers(ctx, db.ListLayersParams{
		WorkspaceID: ws, MemberID: member, Kind: string(kind), Before: before(p), MaxRows: rows(p),
	})
	if err != nil {
		return none, fmt.Errorf("list a member's layers: %w", err)
	}
	items := make([]domain.Layer, len(found))
	for i, row := range found {
		if items[i], err = layerOf(row.Layer); err != nil {
			return none, err
		}
	}
	return page.Cut(items, p.Size, func(l domain.Layer) app.Cursor { return app.Cursor{ID: l.ID} }), nil
}

// LayerOver implements app.Tx.
func (t *tx) LayerOver(ctx context.Context, l domain.Layer) (*domain.Layer, error) {
	from, _ := l.Reaches()
	first, last := dayOf(l.First), dayOf(l.Last)
	row, err := t.now.LayerOver(ctx, db.LayerOverParams{
		WorkspaceID: t.ws, MemberID: l.Member, Kind: string(l.Kind), FromTime: from, FirstDate: &first, LastDate: &last,
	})
	if postgres.IsNoRows(err) {
		return nil, nil //nolint:nilnil // none is the answer, and no failure
	}
	if err != nil {
		return nil, fmt.Errorf("read a layer by its dates: %w", err)
	}
	found, err := layerOf(row.Layer)
	return &found, err
}

// AddLayer implements app.Tx.
func (t *tx) AddLayer(ctx context.Context, l domain.Layer) error {
	windows, err := windowsText(l.Windows)
	if err != nil {
		return err
	}
	lower, upper := l.Reaches()
	row := db.InsertLayerParams{
		WorkspaceID: t.ws, MemberID: l.Member, LayerID: l.ID, Kind: string(l.Kind), DisplayName: l.Name, TimeZone: l.Zone,
		Windows: windows, CreateTime: l.CreateTime, LowerTime: lower, UpperTime: upper,
	}
	if l.Dated {
		first := dayOf(l.First)
		row.FirstDate = &first
		if l.Last != 0 {
			last := dayOf(l.Last)
			row.LastDate = &last
		}
	} else {
		row.StartTime, row.EndTime = &l.Start, &l.End
	}
	return t.writes.InsertLayer(ctx, row)
}

// DeleteLayer implements app.Tx.
func (t *tx) DeleteLayer(ctx context.Context, l domain.Layer) error {
	return t.writes.DeleteLayer(ctx, db.DeleteLayerParams{
		WorkspaceID: t.ws, MemberID: l.Member, LayerID: l.ID, DeleteTime: nullable(l.DeleteTime),
	})
}
