// Command directoryd serves Meridian's directory.
package main

import (
	"github.com/meridianhq/meridian/pkg/boot"
	"github.com/meridianhq/meridian/services/directory"
)

func main() {
	boot.Main("directory", "Meridian's directory: workspaces, members, teams, spaces and tokens.", directory.New, directory.Sets()...)
}
