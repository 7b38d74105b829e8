// Command confdoc writes docs/configuration.md from the settings' own structs, and the list of all variables beside it that
// a service's start is checked against. Run it at the top of the project, as scripts/gen does.
package main

import (
	_ "embed"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/meridianhq/meridian/pkg/boot"
	"github.com/meridianhq/meridian/services/availability"
	"github.com/meridianhq/meridian/services/directory"
	"github.com/meridianhq/meridian/services/gateway"
	"github.com/meridianhq/meridian/services/meridian/internal/cli"
	"github.com/meridianhq/meridian/services/notifications"
	"github.com/meridianhq/meridian/services/tasks"
	"github.com/meridianhq/meridian/services/threads"
)

const (
	document  = "docs/configuration.md"
	variables = "pkg/boot/variables.txt"
	broker    = "deploy/nats/nats.env.example"
)

//go:embed intro.md
var intro string

func main() {
	if err := run(); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "confdoc:", err)
		os.Exit(1)
	}
}

// part is what has settings of its own: a program.
type part struct {
	title, program string
	grammar        any
	// command is the one whose flags are the settings; empty for the program's own.
	command string
}

func parts() []part {
	return []part{
		{"directory", "directoryd", &boot.Program[directory.Config]{}, ""},
		{"availability", "availabilityd", &boot.Program[availability.Config]{}, ""},
		{"threads", "threadsd", &boot.Program[threads.Config]{}, ""},
		{"tasks", "tasksd", &boot.Program[tasks.Config]{}, ""},
		{"notifications", "notificationsd", &boot.Program[notifications.Config]{}, ""},
		{"gateway", "gatewayd", &boot.Program[gateway.Config]{}, ""},
		{"All in one process", "meridian up", &cli.Root{}, "up"},
		{"Backups", "meridian backup", &cli.Root{}, "backup"},
		{"Restoring", "meridian restore", &cli.Root{}, "restore"},
		{"The development clock", "meridian clock", &cli.Root{}, "clock"},
		{"The command line", "meridian", &cli.Root{}, ""},
	}
}

func run() error {
	common, err := flagsOf(part{program: "a service", grammar: &boot.Program[boot.Config]{}})
	if err != nil {
		return err
	}
	var text strings.Builder
	text.WriteString(intro)
	section(&text, "Every service", "The six services take these, and those of their own below.", common)
	all := names(common)
	for _, p := range parts() {
		flags, err := flagsOf(p)
		if err != nil {
			return err
		}
		about := fmt.Sprintf("%#q.", p.program)
		if strings.HasSuffix(p.program, "d") {
			about = fmt.Sprintf("%#q, beside those of every service.", p.program)
			flags = slices.DeleteFunc(flags, func(f *kong.Flag) bool { return slices.Contains(names(common), name(f)) })
		}
		section(&text, p.title, about, flags)
		all = append(all, names(flags)...)
	}
	own, err := brokers()
	if err != nil {
		return err
	}
	all = append(all, own...)
	slices.Sort(all)
	all = slices.Compact(all)
	if err := os.WriteFile(variables, []byte(strings.Join(all, "\n")+"\n"), 0o600); err != nil {
		return err
	}
	return os.WriteFile(document, []byte(strings.TrimRight(text.String(), "\n")+"\n"), 0o600)
}

// flagsOf are the settings of a part in their order: the flags that a variable stands for as well.
func flagsOf(p part) ([]*kong.Flag, error) {
	parser, err := kong.New(p.grammar, kong.Name(p.program))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.program, err)
	}
	node := parser.Model.Node
	for _, child := range node.Children {
		if child.Name == p.command {
			node = child
		}
	}
	return slices.DeleteFunc(slices.Clone(node.Flags), func(f *kong.Flag) bool { return len(f.Envs) == 0 }), nil
}

func name(f *kong.Flag) string { return f.Envs[0] }

func names(flags []*kong.Flag) []string {
	var all []string
	for _, f := range flags {
		all = append(all, name(f))
	}
	return all
}

func section(text *strings.Builder, title, about string, flags []*kong.Flag) {
	fmt.Fprintf(text, "\n## %s\n\n%s\n", title, about)
	if len(flags) == 0 {
		text.WriteString("It has none of its own.\n")
		return
	}
	text.WriteString("\n| flag | variable | default | meaning |\n| --- | --- | --- | --- |\n")
	for _, f := range flags {
		value := ""
		if f.HasDefault {
			value = "`" + f.Default + "`"
		}
		fmt.Fprintf(text, "| `--%s` | `%s` | %s | %s |\n", f.Name, name(f), value, meaning(f))
	}
}

func meaning(f *kong.Flag) string {
	help := strings.ReplaceAll(strings.ReplaceAll(f.Help, "${enum}", f.Enum), "|", `\|`)
	switch f.Tag.Get("secret") {
	case "reread":
		help += " *Secret, read anew.*"
	case "once":
		help += " *Secret, read at the start.*"
	}
	return help
}

// brokers are the variables of the broker's own configuration.
func brokers() ([]string, error) {
	text, err := os.ReadFile(broker)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, found := range regexp.MustCompile(`(?m)^(?:# )?(MERIDIAN_NATS_[A-Z_]+)=`).FindAllSubmatch(text, -1) {
		all = append(all, string(found[1]))
	}
	return all, nil
}
