package outbox

import (
	"math"
	"slices"
)

// idSet is a set of row ids as ranges. Ids are given out one by one, so a relay's set is a handful of ranges however
// many ids it holds.
type idSet struct {
	ranges []idRange // ascending, apart from each other by at least one id
}

// idRange holds lo, hi and all between.
type idRange struct{ lo, hi int64 }

// clone is a set of the same ids.
func (s *idSet) clone() *idSet { return &idSet{ranges: slices.Clone(s.ranges)} }

// add puts ids in. Those in already are left.
func (s *idSet) add(ids ...int64) {
	for _, id := range ids {
		at := s.find(id)
		if at < len(s.ranges) && s.ranges[at].lo <= id {
			continue
		}
		left := at > 0 && s.ranges[at-1].hi == id-1
		right := at < len(s.ranges) && s.ranges[at].lo == id+1
		switch {
		case left && right:
			s.ranges[at-1].hi = s.ranges[at].hi
			s.ranges = slices.Delete(s.ranges, at, at+1)
		case left:
			s.ranges[at-1].hi = id
		case right:
			s.ranges[at].lo = id
		default:
			s.ranges = slices.Insert(s.ranges, at, idRange{lo: id, hi: id})
		}
	}
}

// remove takes ids out. Those not in are left.
func (s *idSet) remove(ids ...int64) {
	for _, id := range ids {
		at := s.find(id)
		if at == len(s.ranges) || s.ranges[at].lo > id {
			continue
		}
		switch r := &s.ranges[at]; {
		case r.lo == r.hi:
			s.ranges = slices.Delete(s.ranges, at, at+1)
		case r.lo == id:
			r.lo++
		case r.hi == id:
			r.hi--
		default:
			right := idRange{lo: id + 1, hi: r.hi}
			r.hi = id - 1
			s.ranges = slices.Insert(s.ranges, at+1, right)
		}
	}
}

// find is the first range that does not end before id.
func (s *idSet) find(id int64) int {
	at, _ := slices.BinarySearchFunc(s.ranges, id, func(r idRange, id int64) int {
		if r.hi < id {
			return -1
		}
		return 1
	})
	return at
}

// gaps are the ranges of all ids that are not in the set, each given by its two neighbours that are (or the ends).
func (s *idSet) gaps() (above, below []int64) {
	above, below = make([]int64, 0, len(s.ranges)+1), make([]int64, 0, len(s.ranges)+1)
	last := int64(math.MinInt64)
	for _, r := range s.ranges {
		above, below = append(above, last), append(below, r.lo)
		last = r.hi
	}
	return append(above, last), append(below, math.MaxInt64)
}
