// Command dashboards writes Grafana's dashboards of Meridian into deploy/grafana. Run it at the top of the project, as
// scripts/gen does. A test of the whole stack holds every query to the metrics that a running Meridian shows.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

const folder = "deploy/grafana"

func main() {
	for _, d := range all() {
		text, err := d.encode()
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, d.file+".json"), text, 0o600)
		}
		if err != nil {
			_, _ = fmt.Fprintln(os.Stderr, "dashboards:", err)
			os.Exit(1)
		}
	}
}
