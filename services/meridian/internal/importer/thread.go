package importer

import (
	"cmp"
	"slices"
)

// thread finds every entry's root: the topmost message its parents lead to within the archive. Where parents go in a
// circle, the earliest message of the circle is the root and counts as having no parent.
func (x *archiveIndex) thread() {
	const unknown, onPath = -1, -2
	for i := range x.entries {
		x.entries[i].root = unknown
	}
	for i := range x.entries {
		var path []int
		at := i
		for x.entries[at].root == unknown {
			x.entries[at].root = onPath
			path = append(path, at)
			parent, known := x.byID[x.entries[at].parent]
			if !known {
				x.entries[at].root = at
				break
			}
			at = parent
		}
		root := x.entries[at].root
		if root == onPath {
			root = x.openCircle(path[slices.Index(path, at):])
		}
		for _, p := range path {
			x.entries[p].root = root
		}
	}
}

// openCircle makes the earliest of a circle its root.
func (x *archiveIndex) openCircle(circle []int) int {
	root := slices.MinFunc(circle, x.earlier)
	x.entries[root].parent = ""
	return root
}

// earlier orders entries by date, and those of one instant as they stand in the archive.
func (x *archiveIndex) earlier(a, b int) int {
	if c := x.entries[a].date.Compare(x.entries[b].date); c != 0 {
		return c
	}
	return cmp.Compare(a, b)
}

// order lists the entries as they are sent: thread by thread, the thread that began first first, and by date within
// each.
func (x *archiveIndex) order() []int {
	began := map[int]int{} // root -> its thread's earliest message
	all := make([]int, len(x.entries))
	for i := range x.entries {
		all[i] = i
		root := x.entries[i].root
		if first, known := began[root]; !known || x.earlier(i, first) < 0 {
			began[root] = i
		}
	}
	slices.SortFunc(all, func(a, b int) int {
		if c := x.earlier(began[x.entries[a].root], began[x.entries[b].root]); c != 0 {
			return c
		}
		return x.earlier(a, b)
	})
	return all
}
