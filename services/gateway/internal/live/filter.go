package live

import (
	"crypto/sha256"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/resname"
)

// filter is which events of one workspace a watcher asked for.
type filter struct {
	workspace uuid.UUID
	exact     []string // full type names
	prefixes  []string // beginnings of type names
	spaces    []string
}

var spaceName = resname.MustPattern("workspaces/{workspace}/spaces/{space}")

// newFilter refuses, with Invalid, a type that no event has and a space that is not one of the workspace.
func newFilter(workspace uuid.UUID, types, spaces []string) (filter, error) {
	f := filter{workspace: workspace}
	for _, name := range types {
		if prefix, ok := strings.CutSuffix(name, "*"); ok {
			f.prefixes = append(f.prefixes, prefix)
			continue
		}
		if _, ok := eventbus.Lookup(name); !ok {
			return filter{}, fault.InvalidField("types", "there is no event type "+name)
		}
		f.exact = append(f.exact, name)
	}
	for _, name := range spaces {
		ids, err := spaceName.ParseUUIDs("spaces", name)
		if err != nil {
			return filter{}, err
		}
		if ids[0] != workspace {
			return filter{}, fault.InvalidField("spaces", "must be spaces of the workspace that parent names")
		}
		f.spaces = append(f.spaces, name)
	}
	for _, list := range [][]string{f.exact, f.prefixes, f.spaces} {
		slices.Sort(list)
	}
	return f, nil
}

// hash tells filters apart; the order in which a client lists types and spaces makes no difference.
func (f filter) hash() [filterSize]byte {
	text := strings.Join([]string{
		f.workspace.String(), strings.Join(f.exact, ","), strings.Join(f.prefixes, ","), strings.Join(f.spaces, ","),
	}, "\n")
	sum := sha256.Sum256([]byte(text))
	return [filterSize]byte(sum[:filterSize])
}

func (f filter) matches(meta eventbus.Meta) bool {
	if len(f.spaces) > 0 && !slices.Contains(f.spaces, meta.Space) {
		return false
	}
	if len(f.exact) == 0 && len(f.prefixes) == 0 {
		return true
	}
	return slices.Contains(f.exact, meta.Type) ||
		slices.ContainsFunc(f.prefixes, func(prefix string) bool { return strings.HasPrefix(meta.Type, prefix) })
}

// subjects are what the broker has to send for the filter: as little as it can tell apart.
func (f filter) subjects() []string {
	workspace := f.workspace.String()
	if len(f.prefixes) > 0 || len(f.exact) == 0 {
		return []string{"evt." + workspace + ".>", "own." + workspace + ".>"}
	}
	var subjects []string
	for _, name := range f.exact {
		if descriptor, ok := eventbus.Lookup(name); ok {
			subjects = append(subjects, eventbus.Subject(descriptor, workspace))
		}
	}
	return subjects
}
