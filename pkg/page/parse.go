package page

import (
	"errors"

	"go.einride.tech/aip/filtering"
)

// parseError is what the parser's and the lexer's errors are, whose types it does not export.
type parseError interface {
	error
	Position() filtering.Position
	Message() string
}

// deepest returns where parsing stopped and why: the innermost of the parser's nested errors, the outer ones only
// name the rules it was in.
func deepest(err error) (position int, message string) {
	message = "does not parse"
	for err != nil {
		e, ok := err.(parseError) //nolint:errorlint // walks the chain itself, link by link
		if !ok {
			return position, err.Error()
		}
		position, message = int(e.Position().Offset), e.Message()
		err = errors.Unwrap(err)
	}
	return position, message
}
