package boot

import (
	_ "embed"
	"fmt"
	"strings"
)

// variables are the names of all variables that a part of Meridian reads, a line each. The generator of
// docs/configuration.md writes it.
//
//go:embed variables.txt
var variables string

// prefix begins the name of every variable of Meridian, and ofTests those of its tests.
const (
	prefix  = "MERIDIAN_"
	ofTests = prefix + "TEST_"
)

// KnownVariables fails for the first variable of an environment that looks like a setting and is none of any part of
// Meridian: a misspelt one would be passed over in silence. Those of other parts are well, so that several can share a file.
func KnownVariables(environment []string) error {
	for _, each := range environment {
		name, _, _ := strings.Cut(each, "=")
		if strings.HasPrefix(name, prefix) && !strings.HasPrefix(name, ofTests) && !strings.Contains("\n"+variables, "\n"+name+"\n") {
			return fmt.Errorf("%s is no setting of Meridian; docs/configuration.md has them all", name)
		}
	}
	return nil
}
