package domain

import (
	"bytes"
	"maps"
	"slices"
	"time"

	"github.com/meridianhq/meridian/pkg/worktime"
)

const (
	// RulesAhead is how far ahead the rules of time zones in two versions of the database are compared.
	RulesAhead = 10 * 366 * 24 * time.Hour
	// RulesPause is how long after a newer version came members are told of it: by then no replica answers by the older one.
	RulesPause = 10 * time.Minute
)

// ZoneFiles are the files of time zones by name, as worktime.ReadZone takes them.
type ZoneFiles map[string][]byte

// CarriedFiles are those of the time-zone database that working time is reckoned with.
func CarriedFiles() (ZoneFiles, error) {
	files := ZoneFiles{}
	for _, name := range worktime.Zones() {
		file, err := worktime.ZoneFile(name)
		if err != nil {
			return nil, err
		}
		files[name] = file
	}
	return files, nil
}

// Changed are the names of zones whose clocks will show other times from now on by newer files, in order. A zone that only one
// of both has is none: nobody had it, or nothing is known of it.
func (f ZoneFiles) Changed(newer ZoneFiles, now time.Time) ([]string, error) {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(f)) {
		file, known := newer[name]
		if !known || bytes.Equal(f[name], file) {
			continue
		}
		was, err := worktime.ReadZone(name, f[name])
		if err != nil {
			return nil, err
		}
		is, err := worktime.ReadZone(name, file)
		if err != nil {
			return nil, err
		}
		if _, differ := was.Differs(is, now, now.Add(RulesAhead)); differ {
			names = append(names, name)
		}
	}
	return names, nil
}

// RulesChanged are the events of a member's working time by the database's rules where it is another than by the rules of some
// zones before: none where it is not.
func RulesChanged(r Record, former ZoneFiles, m *MemberTime, now time.Time) ([]Event, error) {
	end := now.Add(MaxRange)
	before := r
	before.Rules = map[string]*worktime.Zone{}
	for name, file := range former {
		zone, err := worktime.ReadZone(name, file)
		if err != nil {
			return nil, err
		}
		before.Rules[name] = zone
	}
	person, err := before.Lay()
	if err != nil {
		return nil, err
	}
	last := person.In(end).Zone
	_, open := before.zone(last).Differs(zoneOf(last), end, now.Add(RulesAhead))
	return m.differ(before, r, now, end, open)
}
