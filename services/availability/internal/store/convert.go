package store

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/meridianhq/meridian/pkg/worktime"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/store/db"
)

// window is a weekly window as it is stored.
type window struct {
	Days  []time.Weekday `json:"days"`
	Start worktime.Clock `json:"start"`
	End   worktime.Clock `json:"end"`
}

func windowsText(windows []domain.Window) ([]byte, error) {
	stored := make([]window, len(windows))
	for i, w := range windows {
		stored[i] = window(w)
	}
	text, err := json.Marshal(stored)
	if err != nil {
		return nil, fmt.Errorf("write windows: %w", err)
	}
	return text, nil
}

func windowsOf(text []byte) ([]domain.Window, error) {
	var stored []window
	if err := json.Unmarshal(text, &stored); err != nil {
		return nil, fmt.Errorf("read windows: %w", err)
	}
	var windows []domain.Window
	for _, w := range stored {
		windows = append(windows, domain.Window(w))
	}
	return windows, nil
}

func scheduleOf(row db.WorkingSchedule) (domain.Schedule, error) {
	windows, err := windowsOf(row.Windows)
	return domain.Schedule{
		Workspace: row.WorkspaceID, Member: row.MemberID, ID: row.ScheduleID, Zone: row.TimeZone, Windows: windows,
		Region: row.HolidayRegion, EffectiveDate: dateOf(row.EffectiveDate), Start: row.StartTime.UTC(), End: value(row.EndTime).UTC(),
		CreateTime: row.CreateTime.UTC(),
	}, err
}

func defaultOf(row db.DefaultSchedule) (domain.DefaultSchedule, error) {
	windows, err := windowsOf(row.Windows)
	return domain.DefaultSchedule{
		Workspace: row.WorkspaceID, ID: row.ScheduleID, Windows: windows, Region: row.HolidayRegion,
		EffectiveDate: dateOf(row.EffectiveDate), Version: row.Version, CreateTime: row.CreateTime.UTC(),
	}, err
}

func timeOffOf(row db.TimeOff) domain.TimeOff {
	t := domain.TimeOff{
		Workspace: row.WorkspaceID, Member: row.MemberID, ID: row.TimeOffID, Kind: domain.TimeOffKind(row.Kind), Note: row.Note,
		Start: value(row.StartTime).UTC(), End: value(row.EndTime).UTC(), State: domain.TimeOffState(row.State),
		Revision: row.Revision, CreateTime: row.CreateTime.UTC(), UpdateTime: row.UpdateTime.UTC(),
		CancelTime: value(row.CancelTime).UTC(), Asked: row.Requested, DecidedBy: value(row.DecidedByID),
		DecideTime: value(row.DecideTime).UTC(), DeclineReason: row.DeclineReason, Manager: row.ManagerID,
	}
	if row.FirstDate != nil && row.LastDate != nil {
		t.AllDay, t.First, t.Last = true, dateOf(*row.FirstDate), dateOf(*row.LastDate)
	}
	return t
}

func layerOf(row db.Layer) (domain.Layer, error) {
	windows, err := windowsOf(row.Windows)
	l := domain.Layer{
		Workspace: row.WorkspaceID, Member: row.MemberID, Kind: domain.LayerKind(row.Kind), ID: row.LayerID, Name: row.DisplayName,
		Zone: row.TimeZone, Windows: windows, Start: value(row.StartTime).UTC(), End: value(row.EndTime).UTC(),
		CreateTime: row.CreateTime.UTC(), DeleteTime: value(row.DeleteTime).UTC(),
	}
	if row.FirstDate != nil {
		l.Dated, l.First = true, dateOf(*row.FirstDate)
	}
	if row.LastDate != nil {
		l.Last = dateOf(*row.LastDate)
	}
	return l, err
}

// dateOf is the date that the database gives as its midnight in UTC.
func dateOf(day time.Time) worktime.Date { return worktime.UTC().DateAt(day) }

// dayOf is a date as the database takes it.
func dayOf(date worktime.Date) time.Time { return worktime.UTC().StartOf(date) }

// value is what a nullable column holds, or its zero.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// nullable is the value for a nullable column: NULL for the zero.
func nullable[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}
