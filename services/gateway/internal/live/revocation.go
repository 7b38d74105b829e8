package live

import (
	"fmt"
	"strings"

	"github.com/meridianhq/meridian/pkg/revocation"
)

// revoking returns what says whether events of a subject may take tokens away, in any workspace.
func revoking() (func(subject string) bool, error) {
	filters, err := revocation.Filters()
	if err != nil {
		return nil, fmt.Errorf("live events: %w", err)
	}
	return func(subject string) bool {
		for _, filter := range filters {
			root, event, _ := strings.Cut(filter, "*")
			if strings.HasPrefix(subject, root) && strings.HasSuffix(subject, event) {
				return true
			}
		}
		return false
	}, nil
}
