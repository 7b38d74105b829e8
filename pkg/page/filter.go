package page

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.einride.tech/aip/filtering"
	expr "google.golang.org/genproto/googleapis/api/expr/v1alpha1"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/resname"
)

// The bounds of a filter. What is beyond them is refused before it is parsed.
const (
	// MaxFilter is the longest filter, in bytes. It bounds order_by too.
	MaxFilter = 2 << 10
	// maxDepth is how deep parentheses may nest.
	maxDepth = 8
)

// Kind is what a filter's field holds, and so which values it takes.
type Kind int

// The kinds of a field.
const (
	// String takes any quoted text or bare word.
	String Kind = iota
	// Enum takes one of the words in FieldSpec.Enum.
	Enum
	// Time takes an RFC 3339 instant, quoted.
	Time
	// Int takes a whole number of 64 bits.
	Int
	// Bool takes true or false.
	Bool
	// Name takes a resource name, quoted.
	Name
)

// FieldSpec declares a field that may be filtered.
type FieldSpec struct {
	// Name is the field's name as the filter writes it, dotted where nested.
	Name string
	// Kind is what it holds.
	Kind Kind
	// Ops are the operators it takes, of = != < <= > >= and :. Empty takes only =.
	Ops []string
	// Enum are the words of a field of Kind Enum.
	Enum []string
	// Pattern is the pattern of a field of Kind Name; nil takes any name within a workspace.
	Pattern *resname.Pattern
}

// Condition is one comparison of a filter.
type Condition struct {
	// Field is the declared field's name.
	Field string
	// Op is the operator.
	Op string
	// Value is what the field is compared with, unquoted and checked against the field's kind. Times are RFC 3339,
	// numbers decimal, booleans true or false.
	Value string
	// Position is where the condition begins in the filter, in bytes from 0.
	Position int
}

// Time returns the value of a condition on a field of Kind Time.
func (c Condition) Time() time.Time {
	t, _ := time.Parse(time.RFC3339Nano, c.Value)
	return t
}

// Int returns the value of a condition on a field of Kind Int.
func (c Condition) Int() int64 {
	n, _ := strconv.ParseInt(c.Value, 10, 64)
	return n
}

// Bool returns the value of a condition on a field of Kind Bool.
func (c Condition) Bool() bool { return c.Value == "true" }

// Filter is a parsed filter: every condition must hold. The zero value lets everything through.
type Filter struct {
	// Conditions are in the order of the filter's text.
	Conditions []Condition
}

// ParseFilter parses a filter: the part of AIP-160 that is comparisons of declared fields with AND between them,
// `state = OPEN AND create_time > "2026-11-23T00:00:00Z"`. Anything else is Invalid with FILTER_INVALID, the field
// filter and the position, in bytes from 0, as metadata `position`.
func ParseFilter(filter string, fields []FieldSpec) (Filter, error) {
	if strings.TrimSpace(filter) == "" {
		return Filter{}, nil
	}
	if err := bounded(filter); err != nil {
		return Filter{}, err
	}
	var parser filtering.Parser
	parser.Init(filter)
	parsed, err := parser.Parse()
	// The parser trims the filter first and counts from there.
	trimmed := len(filter) - len(strings.TrimLeftFunc(filter, unicode.IsSpace))
	if err != nil {
		position, message := deepest(err)
		return Filter{}, badFilter(trimmed+position, message)
	}
	w := walk{fields: fields, positions: parsed.GetSourceInfo().GetPositions(), trimmed: trimmed}
	if err := w.expression(parsed.GetExpr()); err != nil {
		return Filter{}, err
	}
	return Filter{Conditions: w.conditions}, nil
}

// bounded keeps the parser, which recurses, from input made to hurt it.
func bounded(filter string) error {
	if len(filter) > MaxFilter {
		return badFilter(MaxFilter, fmt.Sprintf("a filter has at most %d bytes", MaxFilter))
	}
	depth := 0
	for i, r := range filter {
		switch r {
		case utf8.RuneError:
			if _, width := utf8.DecodeRuneInString(filter[i:]); width == 1 {
				return badFilter(i, "not valid UTF-8")
			}
		case 0:
			return badFilter(i, "U+0000 may not stand in a filter")
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth > maxDepth {
			return badFilter(i, fmt.Sprintf("parentheses nest at most %d deep", maxDepth))
		}
	}
	return nil
}

// walk gathers the conditions of a parsed filter.
type walk struct {
	fields     []FieldSpec
	positions  map[int64]int32
	trimmed    int
	conditions []Condition
}

func (w *walk) at(e *expr.Expr) int { return w.trimmed + int(w.positions[e.GetId()]) }

func (w *walk) expression(e *expr.Expr) error {
	call := e.GetCallExpr()
	switch call.GetFunction() {
	case filtering.FunctionAnd:
		for _, arg := range call.GetArgs() {
			if err := w.expression(arg); err != nil {
				return err
			}
		}
		return nil
	case filtering.FunctionEquals, filtering.FunctionNotEquals, filtering.FunctionHas, filtering.FunctionLessThan,
		filtering.FunctionLessEquals, filtering.FunctionGreaterThan, filtering.FunctionGreaterEquals:
		return w.comparison(e, call)
	case filtering.FunctionFuzzyAnd:
		return badFilter(w.at(e), "conditions are joined by AND")
	case filtering.FunctionOr, filtering.FunctionNot:
		return badFilter(w.at(e), "neither OR nor NOT is supported, only AND")
	case "":
		return badFilter(w.at(e), "a condition is a field, an operator and a value")
	default:
		return badFilter(w.at(e), "functions are not supported")
	}
}

func (w *walk) comparison(e *expr.Expr, call *expr.Expr_Call) error {
	if len(call.GetArgs()) != 2 {
		return badFilter(w.at(e), "a condition is a field, an operator and a value")
	}
	left, right := call.GetArgs()[0], call.GetArgs()[1]
	name := fieldName(left)
	i := slices.IndexFunc(w.fields, func(f FieldSpec) bool { return f.Name == name })
	if name == "" || i < 0 {
		return badFilter(w.at(e), "unknown field; these may be filtered: "+names(w.fields))
	}
	field, op := w.fields[i], call.GetFunction()
	if ops := field.ops(); !slices.Contains(ops, op) {
		return badFilter(w.at(e), fmt.Sprintf("%s takes only %s", name, strings.Join(ops, " ")))
	}
	value, ok := literal(right)
	if !ok {
		return badFilter(w.at(right), "not a value; quote it")
	}
	if rule := field.check(value); rule != "" {
		return badFilter(w.at(right), name+" "+rule)
	}
	w.conditions = append(w.conditions, Condition{Field: name, Op: op, Value: value, Position: w.at(e)})
	return nil
}

// fieldName is the dotted name on the left of a comparison, empty where something else stands.
func fieldName(e *expr.Expr) string {
	switch kind := e.GetExprKind().(type) {
	case *expr.Expr_IdentExpr:
		return kind.IdentExpr.GetName()
	case *expr.Expr_SelectExpr:
		if head := fieldName(kind.SelectExpr.GetOperand()); head != "" {
			return head + "." + kind.SelectExpr.GetField()
		}
	}
	return ""
}

// literal is the text of a value: a quoted string, a word or a whole number.
func literal(e *expr.Expr) (string, bool) {
	switch kind := e.GetExprKind().(type) {
	case *expr.Expr_IdentExpr:
		return kind.IdentExpr.GetName(), true
	case *expr.Expr_ConstExpr:
		switch c := kind.ConstExpr.GetConstantKind().(type) {
		case *expr.Constant_StringValue:
			return c.StringValue, true
		case *expr.Constant_Int64Value:
			return strconv.FormatInt(c.Int64Value, 10), true
		}
	}
	return "", false
}

func (f FieldSpec) ops() []string {
	if len(f.Ops) == 0 {
		return []string{filtering.FunctionEquals}
	}
	return f.Ops
}

// check says which rule of the field a value breaks, or nothing.
func (f FieldSpec) check(value string) string {
	var ok bool
	var rule string
	switch f.Kind {
	case Enum:
		ok, rule = slices.Contains(f.Enum, value), "is one of "+strings.Join(f.Enum, ", ")
	case Time:
		_, err := time.Parse(time.RFC3339Nano, value)
		ok, rule = err == nil, `is an instant such as "2026-11-23T09:00:00Z"`
	case Int:
		_, err := strconv.ParseInt(value, 10, 64)
		ok, rule = err == nil, "is a whole number"
	case Bool:
		ok, rule = value == "true" || value == "false", "is true or false"
	case Name:
		ok, rule = f.accepts(value)
	default:
		ok, rule = !strings.ContainsRune(value, 0), "may not hold U+0000"
	}
	if ok {
		return ""
	}
	return rule
}

func (f FieldSpec) accepts(name string) (bool, string) {
	if f.Pattern != nil {
		return f.Pattern.Matches(name), "is a name like " + f.Pattern.String()
	}
	_, err := resname.Workspace("filter", name)
	return err == nil && !strings.ContainsRune(name, 0), "is a resource name that begins with workspaces/{workspace}"
}

func names(fields []FieldSpec) string {
	all := make([]string, len(fields))
	for i, f := range fields {
		all[i] = f.Name
	}
	return strings.Join(all, ", ")
}

func badFilter(position int, rule string) error {
	text := fmt.Sprintf("at byte %d: %s", position, rule)
	return fault.New(fault.Invalid, fault.ReasonFilterInvalid, "filter %s", text).
		WithField("filter", text).With("position", strconv.Itoa(position))
}
