package store

import (
	"fmt"
	"strings"

	"github.com/meridianhq/meridian/pkg/page"
)

// maxPageBytes bounds the long texts of one page, so that an answer stays below the 4 MiB that clients take: the last item
// may go over it by its own.
const maxPageBytes = 3 << 20

// statement is SQL under construction with its arguments.
type statement struct {
	text strings.Builder
	args []any
}

// arg adds an argument and returns its placeholder.
func (s *statement) arg(value any) string {
	s.args = append(s.args, value)
	return fmt.Sprintf("$%d", len(s.args))
}

// listed are the items of a page before it is cut.
type listed[T any] struct {
	items []T
	// full says that more were found than there is room for their texts.
	full bool
}

// add takes an item that is whole; from the first on that is not, none.
func (l *listed[T]) add(item T, whole bool) {
	if l.full = l.full || !whole; !l.full {
		l.items = append(l.items, item)
	}
}

// cut makes the page. Where items were left out for their size, what is there is a page and more follow.
func cut[T, C any](l listed[T], size int, cursor func(T) C) page.Result[T, C] {
	if n := len(l.items); l.full && n <= size {
		next := cursor(l.items[n-1])
		return page.Result[T, C]{Items: l.items, Next: &next}
	}
	return page.Cut(l.items, size, cursor)
}
