package fault_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	optionsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/options/v1"
)

// The reasons are documented to clients in the proto: the constants and the enum are the same words.
func TestReasonsAreThoseOfTheProto(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "reason.go", nil, 0)
	require.NoError(t, err)
	var constants []string
	ast.Inspect(file, func(n ast.Node) bool {
		if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			word, err := strconv.Unquote(literal.Value)
			require.NoError(t, err)
			constants = append(constants, word)
		}
		return true
	})
	var documented []string
	for number, word := range optionsv1.ErrorReason_name {
		if number != 0 {
			documented = append(documented, word)
		}
	}
	require.ElementsMatch(t, documented, constants)
}
