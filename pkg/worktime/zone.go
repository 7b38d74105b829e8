package worktime

import (
	"archive/zip"
	_ "embed" // the zone files
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"sync"
	"time"
)

// The zone files are those of the Go release that zoneinfo.version was taken from: lib/time/zoneinfo.zip, and the version
// that lib/time/update.bash beside it names. Replace both together; a test holds them to each other.
var (
	//go:embed zoneinfo.zip
	archive string
	//go:embed zoneinfo.version
	version string
)

// Version is the version of the time-zone database that all instants are derived with, such as 2025c.
func Version() string { return strings.TrimSpace(version) }

// Zone is a time zone: one of the database, of which there is one of each name, or one that ReadZone made.
type Zone struct {
	name     string
	location *time.Location
}

// database is the opened archive with the zones that were asked for.
type database struct {
	files map[string]*zip.File
	zones sync.Map // name to *Zone
}

// opened is the one database. A variable of the package, because it is a part of the program, as constants are.
var opened = sync.OnceValue(func() *database { //nolint:gochecknoglobals // see above
	reader, err := zip.NewReader(strings.NewReader(archive), int64(len(archive)))
	if err != nil {
		panic(err) // the archive is embedded above
	}
	d := &database{files: make(map[string]*zip.File, len(reader.File))}
	for _, file := range reader.File {
		if !strings.HasSuffix(file.Name, "/") {
			d.files[file.Name] = file
		}
	}
	return d
})

// Zones are the names of all zones, in order.
func Zones() []string {
	names := make([]string, 0, len(opened().files))
	for name := range opened().files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// LoadZone returns the zone of an IANA name, exactly as it is written there. "Local" and the empty name are none.
func LoadZone(name string) (*Zone, error) {
	d := opened()
	if zone, ok := d.zones.Load(name); ok {
		return zone.(*Zone), nil //nolint:errcheck,forcetypeassert // nothing else is stored
	}
	file, err := ZoneFile(name)
	if err != nil {
		return nil, err
	}
	read, err := ReadZone(name, file)
	if err != nil {
		return nil, err
	}
	zone, _ := d.zones.LoadOrStore(name, read)
	return zone.(*Zone), nil //nolint:errcheck,forcetypeassert // as above
}

// ZoneFile is the database's file of a zone, as ReadZone takes it.
func ZoneFile(name string) ([]byte, error) {
	file, ok := opened().files[name]
	if !ok {
		return nil, fmt.Errorf("worktime: there is no time zone %q in the database %s", name, Version())
	}
	content, err := file.Open()
	if err != nil {
		return nil, fmt.Errorf("worktime: open the zone %s: %w", name, err)
	}
	defer content.Close() //nolint:errcheck // a reader over memory
	data, err := io.ReadAll(content)
	if err != nil {
		return nil, fmt.Errorf("worktime: read the zone %s: %w", name, err)
	}
	return data, nil
}

// ReadZone makes a zone of a file in TZif (RFC 8536), such as that of a zone in another version of the database.
func ReadZone(name string, file []byte) (*Zone, error) {
	location, err := time.LoadLocationFromTZData(name, file)
	if err != nil {
		return nil, fmt.Errorf("worktime: read the zone %s: %w", name, err)
	}
	return &Zone{name: name, location: location}, nil
}

// UTC is the zone without changes.
func UTC() *Zone {
	zone, err := LoadZone("UTC")
	if err != nil {
		panic(err) // it is in every database
	}
	return zone
}

// Name is the zone's IANA name.
func (z *Zone) Name() string { return z.name }

// Local is the instant as clocks in the zone show it.
func (z *Zone) Local(at time.Time) time.Time { return at.In(z.location) }

// Location is the zone for the time package, for who writes local times in words.
func (z *Zone) Location() *time.Location { return z.location }

// DateAt is the local date at an instant.
func (z *Zone) DateAt(at time.Time) Date {
	_, offset := at.In(z.location).Zone()
	return Date(days(at.Unix() + int64(offset)))
}

// Instant is the point in time of a local date and time of day: inside a gap the first instant after it, of a repeated
// hour its first occurrence.
func (z *Zone) Instant(date Date, clock Clock) time.Time {
	r := reckoner{zone: z}
	at, _ := r.first(wall(date, int64(clock)*60))
	return instant(at)
}

// StartOf is the first instant of a local date. Of a date that never was it is the first instant after it.
func (z *Zone) StartOf(date Date) time.Time { return z.Instant(date, 0) }

// span is a stretch of time, in seconds of Unix, in which the zone is a fixed number of seconds ahead of UTC. Spans side
// by side may have the same offset.
type span struct{ start, end, offset int64 }

// spanAt is a span that starts at an instant. Only how it goes on is asked of the location: what it says of the start is
// wrong where its rule for the future takes over, and of the last day of a leap year it says an end that is over.
func (z *Zone) spanAt(at int64) span {
	t := time.Unix(at, 0).In(z.location)
	_, offset := t.Zone()
	s := span{start: at, end: math.MaxInt64, offset: int64(offset)}
	if _, end := t.ZoneBounds(); !end.IsZero() {
		s.end = end.Unix()
	}
	if s.end <= at {
		s.end = (days(at) + 1) * daySeconds
	}
	return s
}

// farthest is more than any zone was ever ahead of or behind UTC.
const farthest = 16 * 60 * 60

// reckoner turns wall time of one zone into instants. Both are seconds: wall time as if it were UTC, instants of Unix. It
// remembers the span it was last in, for what it is asked next is mostly in the same one.
type reckoner struct {
	zone *Zone
	near span
}

// at is a span that an instant is in, known from that instant on.
func (r *reckoner) at(t int64) span {
	if t < r.near.start || t >= r.near.end {
		r.near = r.zone.spanAt(t)
	}
	return r.near
}

// first is the first instant at which clocks show w or more, and the zone's offset then.
func (r *reckoner) first(w int64) (at, offset int64) {
	s := r.at(w - farthest)
	for {
		if at := max(s.start, w-s.offset); at < s.end {
			return at, s.offset
		}
		s = r.at(s.end)
	}
}

// last is the last instant at which clocks show w or less: where no clock shows w, the end of the gap.
func (r *reckoner) last(w int64) int64 {
	s := r.at(w - farthest)
	found := min(s.end, w-s.offset)
	for s.end <= w+farthest {
		s = r.at(s.end)
		if at := min(s.end, w-s.offset); at >= s.start {
			found = at
		}
	}
	return found
}

// date is the local date of an instant at which the zone has the offset.
func date(at, offset int64) Date { return Date(days(at + offset)) }

func wall(d Date, seconds int64) int64 { return int64(d)*daySeconds + seconds }

func instant(at int64) time.Time { return time.Unix(at, 0).UTC() }
