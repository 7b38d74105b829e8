package holidays_test

import (
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/meridianhq/meridian/pkg/holidays"
	"github.com/meridianhq/meridian/pkg/worktime"
)

func names(code string, number int) map[string]string {
	all := map[string]string{}
	for _, h := range holidays.Year(code, number) {
		all[h.Date.String()] = h.Name
	}
	return all
}

// Dates that calendars on paper say: Easter, fixed dates, the nth weekday of a month, what is moved off a weekend, and what
// only a part of a country has.
func TestKnownDates(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ region, date, name string }{
		{"DE-BE", "2027-03-08", "Frauentag"},
		{"DE-BE", "2027-03-26", "Karfreitag"},
		{"DE-BY", "2027-05-27", "Fronleichnam"},
		{"DE", "2026-10-03", "Tag der Deutschen Einheit"},
		{"US", "2026-11-26", "Thanksgiving Day"},
		{"US", "2027-01-18", "Martin Luther King Jr. Day"},
		{"US", "2026-07-03", "Independence Day"}, // a Saturday, observed on Friday
		{"US", "2026-07-04", "Independence Day"},
		{"US", "2021-12-31", "New Year's Day"}, // of 2022
		{"GB", "2027-12-27", "Christmas Day"},  // a Saturday
		{"FR", "2027-07-14", "Fête Nationale"},
		{"JP", "2027-04-29", "Showa Day"},
		{"GR", "2027-05-03", "Δευτέρα του Πάσχα"}, // by the Julian calendar
	} {
		require.Equal(t, c.name, names(c.region, mustYear(t, c.date))[c.date], "%s in %s", c.date, c.region)
	}
	require.NotContains(t, names("DE", 2027), "2027-03-08", "Berlin's alone")
	require.NotContains(t, names("SE", 2027), "2027-12-24", "off by custom")
}

func mustYear(t *testing.T, date string) int {
	t.Helper()
	d, err := worktime.ParseDate(date)
	require.NoError(t, err)
	number, _, _ := d.Parts()
	return number
}

func TestRegions(t *testing.T) {
	t.Parallel()
	all := holidays.Regions()
	require.Greater(t, len(all), 90)
	require.True(t, slices.IsSortedFunc(all, func(a, b holidays.Region) int {
		if a.Code < b.Code {
			return -1
		}
		return 1
	}))
	form := regexp.MustCompile(`^[A-Z]{2}(-[A-Z]{2,3})?$`)
	for _, r := range all {
		require.Regexp(t, form, r.Code)
		require.NotEmpty(t, r.Name)
		require.True(t, holidays.Known(r.Code))
	}
	for _, code := range []string{"", "de", "DE-XX", "XX", "CH", "AU"} {
		require.False(t, holidays.Known(code), code)
		require.Empty(t, holidays.Year(code, 2027))
	}
}

// Of every region and every year: holidays lie in the year, in order, none twice, and are not too many or too few.
func TestEveryYearOfEveryRegion(t *testing.T) {
	t.Parallel()
	for _, r := range holidays.Regions() {
		for number := holidays.FirstYear; number <= holidays.LastYear; number++ {
			all := holidays.Year(r.Code, number)
			require.Less(t, len(all), 40, "%s %d", r.Code, number)
			if number >= 2020 && number <= 2030 {
				require.Greater(t, len(all), 5, "%s %d", r.Code, number)
			}
			for i, h := range all {
				y, _, _ := h.Date.Parts()
				require.Equal(t, number, y, "%s %s", r.Code, h.Date)
				require.NotEmpty(t, h.Name)
				if i > 0 {
					require.LessOrEqual(t, all[i-1].Date, h.Date)
					require.NotEqual(t, all[i-1], h)
				}
			}
		}
		require.Empty(t, holidays.Year(r.Code, holidays.FirstYear-1))
		require.Empty(t, holidays.Year(r.Code, holidays.LastYear+1))
	}
}

// A range has what its parts have, and what its years have of it.
func TestRangesAddUp(t *testing.T) {
	t.Parallel()
	all := holidays.Regions()
	rapid.Check(t, func(t *rapid.T) {
		code := rapid.SampledFrom(all).Draw(t, "region").Code
		first := worktime.Date(rapid.IntRange(-1000, 48000).Draw(t, "first"))
		middle := first + worktime.Date(rapid.IntRange(0, 2000).Draw(t, "to middle"))
		last := middle + worktime.Date(rapid.IntRange(1, 2000).Draw(t, "to last"))
		whole := holidays.Between(code, first, last)
		require.Equal(t, whole, slices.Concat(holidays.Between(code, first, middle), holidays.Between(code, middle+1, last)))
		for _, h := range whole {
			y, _, _ := h.Date.Parts()
			require.Contains(t, holidays.Year(code, y), h)
			require.True(t, h.Date >= first && h.Date <= last)
		}
	})
}
