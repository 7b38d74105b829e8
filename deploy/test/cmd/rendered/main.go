// Command rendered prints the chart's objects as one List in JSON, as Helm would send them: for whoever wants to run what
// the chart runs.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"

	"github.com/meridianhq/meridian/deploy/test/chart"
)

func main() {
	var of chart.Release
	flag.StringVar(&of.Folder, "chart", "../helm/meridian", "The chart's folder.")
	flag.StringVar(&of.Name, "name", "meridian", "The release's name.")
	flag.StringVar(&of.Namespace, "namespace", "meridian", "Its namespace.")
	file := flag.String("values", "", "A file of values.")
	flag.Parse()
	if err := run(of, *file); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(of chart.Release, file string) error {
	values, err := chart.Values(file)
	if err != nil {
		return err
	}
	rendered, err := chart.Render(of, values)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"apiVersion": "v1", "kind": "List", "items": rendered.All()})
}
