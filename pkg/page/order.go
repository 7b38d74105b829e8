package page

import (
	"fmt"
	"slices"
	"strings"

	"github.com/meridianhq/meridian/pkg/fault"
)

// Order is one field that a list is sorted by.
type Order struct {
	// Field is the field's name.
	Field string
	// Desc sorts from the largest down.
	Desc bool
}

// ParseOrderBy parses order_by by AIP-132, `create_time desc, title`: fields of the allowed list, each at most once.
// Anything else is Invalid with ORDER_BY_INVALID. Empty is no order; the caller has a default.
func ParseOrderBy(orderBy string, allowed []string) ([]Order, error) {
	if len(orderBy) > MaxFilter {
		return nil, badOrder("is longer than any order of ours")
	}
	if strings.TrimSpace(orderBy) == "" {
		return nil, nil
	}
	var orders []Order
	for part := range strings.SplitSeq(orderBy, ",") {
		words := strings.Fields(part)
		switch {
		case len(words) == 0 || len(words) > 2 || len(words) == 2 && words[1] != "desc" && words[1] != "asc":
			return nil, badOrder("must be fields parted by commas, each may be followed by desc")
		case !slices.Contains(allowed, words[0]):
			return nil, badOrder(fmt.Sprintf("%q is none of the fields to order by: %s", words[0],
				strings.Join(allowed, ", ")))
		case slices.ContainsFunc(orders, func(o Order) bool { return o.Field == words[0] }):
			return nil, badOrder(fmt.Sprintf("%q stands there twice", words[0]))
		}
		orders = append(orders, Order{Field: words[0], Desc: len(words) == 2 && words[1] == "desc"})
	}
	return orders, nil
}

func badOrder(rule string) error {
	return fault.New(fault.Invalid, fault.ReasonOrderByInvalid, "order_by: %s", rule).WithField("order_by", rule)
}
