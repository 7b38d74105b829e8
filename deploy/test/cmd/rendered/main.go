// Command rendered prints the chart's objects as Helm would send them, as one List in JSON or as documents in YAML: for whoever
// wants to run what the chart runs, or to keep it.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/meridianhq/meridian/deploy/test/chart"
)

func main() {
	var of chart.Release
	flag.StringVar(&of.Folder, "chart", "../helm/meridian", "The chart's folder.")
	flag.StringVar(&of.Name, "name", "meridian", "The release's name.")
	flag.StringVar(&of.Namespace, "namespace", "meridian", "Its namespace.")
	file := flag.String("values", "", "A file of values.")
	asYAML := flag.Bool("yaml", false, "Print documents in YAML.")
	flag.Parse()
	if err := run(of, *file, *asYAML); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(of chart.Release, file string, asYAML bool) error {
	values, err := chart.Values(file)
	if err != nil {
		return err
	}
	rendered, err := chart.Render(of, values)
	if err != nil {
		return err
	}
	if asYAML {
		return documents(rendered.All())
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"apiVersion": "v1", "kind": "List", "items": rendered.All()})
}

func documents(objects []*unstructured.Unstructured) error {
	for _, object := range objects {
		text, err := yaml.Marshal(object.Object)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(os.Stdout, "---\n%s", text); err != nil {
			return err
		}
	}
	return nil
}
