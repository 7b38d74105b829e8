//go:build unix

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// module is where this command and the services' own are built from, from anywhere in the repository.
const module = "github.com/meridianhq/meridian/services/"

// build builds the binaries of the services and this one into a folder. With sabotage they hold the switches that break them.
func build(ctx context.Context, folder string, sabotaged bool) error {
	args := []string{"build", "-o", folder + string(filepath.Separator)}
	if sabotaged {
		args = append(args, "-tags", "sabotage")
	}
	args = append(args, module+"chaos")
	for _, service := range allServices() {
		args = append(args, module+service+"/cmd/"+service+"d")
	}
	command := exec.CommandContext(ctx, "go", args...) //nolint:gosec // our own commands
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build the binaries: %w\n%s", err, strings.TrimSpace(string(out)))
	}
	return nil
}
