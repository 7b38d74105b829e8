//go:build unix

package main

import (
	"math/rand/v2"
	"slices"
	"sync"
)

// member is somebody who writes.
type member struct {
	name, token string
	workspace   *workspace
	random      *rand.Rand
	// rest says that their messages go over REST.
	rest    bool
	urgents int
}

// workspace is what members of one workspace share, and what they know of each other's work: what was acknowledged and may
// now be acted on. It is safe for concurrent use.
type workspace struct {
	name, owner, space, team, project string
	threads                           []string
	members                           []*member

	mu sync.Mutex
	// asked, offered are what waits for a member, given what a member has offered, held the tasks they may hold.
	asked, offered, given, held map[string][]string
	// free are tasks of the team's that nobody has claimed yet, as far as is known.
	free []string
}

func newWorkspace() *workspace {
	return &workspace{
		asked: map[string][]string{}, offered: map[string][]string{}, given: map[string][]string{}, held: map[string][]string{},
	}
}

// put adds to a member's list.
func (w *workspace) put(list map[string][]string, member, resource string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	list[member] = append(list[member], resource)
}

// take takes any of a member's list; empty when there is none.
func (w *workspace) take(list map[string][]string, m *member) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	have := list[m.name]
	if len(have) == 0 {
		return ""
	}
	i := m.random.IntN(len(have))
	chosen := have[i]
	list[m.name] = slices.Delete(have, i, i+1)
	return chosen
}

func (w *workspace) offerAll(task string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.free = append(w.free, task)
}

// pickFree is a task of the team's; some are left there, so that several claim them at once.
func (w *workspace) pickFree(m *member) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.free) == 0 {
		return ""
	}
	i := m.random.IntN(len(w.free))
	chosen := w.free[i]
	if m.random.IntN(2) == 0 {
		w.free = slices.Delete(w.free, i, i+1)
	}
	return chosen
}

// others are n members beside one.
func (w *workspace) others(m *member, n int) []string {
	var names []string
	for _, i := range m.random.Perm(len(w.members)) {
		if other := w.members[i].name; other != m.name && len(names) < n {
			names = append(names, other)
		}
	}
	return names
}
