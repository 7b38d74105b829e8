// Package holidays knows the public holidays of countries and of parts of them.
//
// It promises the same answer on every replica and machine: the rules are those of github.com/rickar/cal at the version that
// this module is built with, and nothing is asked or fetched. Regions are named by their codes of ISO 3166-1 (alpha-2) and
// ISO 3166-2. A holiday that is observed on another date than its own, because that is on a weekend, is on both. Half days
// and days that are off by custom alone are left out.
package holidays

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/rickar/cal/v2"

	"github.com/meridianhq/meridian/pkg/worktime"
)

// FirstYear and LastYear bound the years whose holidays are known: the rules for Easter hold within them.
const (
	FirstYear = 1970
	LastYear  = 2099
)

// Region is a country or a part of one.
type Region struct {
	// Code is such as DE or DE-BE, Name its name in English, such as "Germany: Berlin".
	Code, Name string
}

// Holiday is a public holiday on one date.
type Holiday struct {
	Date worktime.Date
	// Name is in a language of the region.
	Name string
}

// almanac are the regions, and the years of them that were asked for: at most some ten thousand, each a few holidays.
type almanac struct {
	regions []Region
	rules   map[string][]*cal.Holiday
	years   sync.Map // year to []Holiday
}

type year struct {
	region string
	number int
}

// known is the one almanac. A variable of the package, because it is a part of the program, as constants are.
var known = sync.OnceValue(func() *almanac { //nolint:gochecknoglobals // see above
	a := &almanac{rules: map[string][]*cal.Holiday{}}
	for _, e := range slices.Concat(countries(), parts()) {
		a.regions = append(a.regions, Region{Code: e.code, Name: e.name})
		a.rules[e.code] = e.rules
	}
	slices.SortFunc(a.regions, func(a, b Region) int { return cmp.Compare(a.Code, b.Code) })
	return a
})

// Regions are all regions, in the order of their codes.
func Regions() []Region { return slices.Clone(known().regions) }

// Known says whether there is a region of that code, exactly as it is written there.
func Known(code string) bool { return known().rules[code] != nil }

// Year are the holidays of a region in a year, in the order of their dates and names; none of a region or a year that is
// not known. The answer is shared: it is for reading alone.
func Year(code string, number int) []Holiday {
	a := known()
	if number < FirstYear || number > LastYear || a.rules[code] == nil {
		return nil
	}
	key := year{code, number}
	if found, ok := a.years.Load(key); ok {
		return found.([]Holiday) //nolint:errcheck,forcetypeassert // nothing else is stored
	}
	found, _ := a.years.LoadOrStore(key, reckon(a.rules[code], number))
	return found.([]Holiday) //nolint:errcheck,forcetypeassert // as above
}

// Between are the holidays of a region from one date to another, itself included, in order.
func Between(code string, first, last worktime.Date) []Holiday {
	var all []Holiday
	from, _, _ := first.Parts()
	until, _, _ := last.Parts()
	for number := max(from, FirstYear); number <= min(until, LastYear); number++ {
		for _, h := range Year(code, number) {
			if h.Date >= first && h.Date <= last {
				all = append(all, h)
			}
		}
	}
	return all
}

// reckon are the holidays of a year. One of the year before or after may be observed in it.
func reckon(rules []*cal.Holiday, number int) []Holiday {
	var all []Holiday
	add := func(name string, at time.Time) {
		y, m, d := at.Date()
		if date, ok := worktime.NewDate(y, m, d); ok && y == number {
			all = append(all, Holiday{Date: date, Name: name})
		}
	}
	for _, rule := range rules {
		if rule.Type == cal.ObservanceOther || rule.Type == cal.ObservanceReligious {
			continue
		}
		for n := number - 1; n <= number+1; n++ {
			actual, observed := rule.Calc(n)
			if actual.IsZero() {
				continue
			}
			add(rule.Name, actual)
			add(rule.Name, observed)
		}
	}
	slices.SortFunc(all, func(a, b Holiday) int { return cmp.Or(cmp.Compare(a.Date, b.Date), cmp.Compare(a.Name, b.Name)) })
	return slices.Compact(all)
}
