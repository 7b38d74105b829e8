package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
)

// Prometheus adds these to what it scrapes, and its histograms le.
var scraped = []string{"namespace", "instance", "le"}

var (
	// selector is a metric's name with what it is chosen by; each query has its selectors written out.
	selector = regexp.MustCompile(`([a-z_]+)\{([^}]*)\}`)
	matcher  = regexp.MustCompile(`([a-z_]+)(=~|!=|=)"([^"]*)"`)
	grouped  = regexp.MustCompile(`by \(([^)]*)\)`)
	legend   = regexp.MustCompile(`\{\{([a-z_]+)\}\}`)
)

// TestDashboardsShowWhatIsMeasured: every metric and every label that a dashboard asks for is there on a running Meridian,
// and what it chooses by finds something.
func TestDashboardsShowWhatIsMeasured(t *testing.T) {
	t.Parallel()
	p := up(t, dataFolder(t))
	for _, command := range [][]string{
		{"members", "list"}, {"threads", "list"}, {"tasks", "list"}, {"inbox"}, {"availability", "week", "me"}, {"availability", "show", "me"},
	} {
		cli(t, p.http, p.token(), command...)
	}
	families := metricsOf(t, p)
	files, err := filepath.Glob("../../deploy/grafana/*.json")
	require.NoError(t, err)
	require.Len(t, files, 10)
	for _, file := range files {
		for _, q := range queriesOf(t, file) {
			require.NotContains(t, q.Expr, "{}", "%s: %s", file, q.Expr)
			chosen := selector.FindAllStringSubmatch(q.Expr, -1)
			require.NotEmpty(t, chosen, "%s: %s", file, q.Expr)
			var labels []string
			for _, each := range chosen {
				labels = append(labels, requireFound(t, families, each[1], each[2])...)
			}
			for _, use := range slices.Concat(grouped.FindAllStringSubmatch(q.Expr, -1), legend.FindAllStringSubmatch(q.Legend, -1)) {
				for _, label := range strings.Split(use[1], ", ") {
					require.Contains(t, append(labels, scraped...), label, "%s: %s", file, q.Expr)
				}
			}
		}
	}
}

// requireFound is that the selector's metric is there and has a series that it chooses, whose labels it returns.
func requireFound(t *testing.T, families map[string]*dto.MetricFamily, name, by string) (labels []string) {
	t.Helper()
	family := families[name]
	for _, end := range []string{"_bucket", "_sum", "_count"} {
		if base, cut := strings.CutSuffix(name, end); cut && family == nil {
			family = families[base]
		}
	}
	require.NotNil(t, family, "%s is not measured", name)
	for _, m := range family.GetMetric() {
		has := map[string]string{}
		for _, pair := range m.GetLabel() {
			has[pair.GetName()] = pair.GetValue()
		}
		if chooses(t, by, has) {
			for label := range has {
				labels = append(labels, label)
			}
		}
	}
	require.True(t, len(labels) > 0 || len(family.GetMetric()) > 0 && len(family.GetMetric()[0].GetLabel()) == 0,
		"no series of %s is chosen by %s", name, by)
	return labels
}

func chooses(t *testing.T, by string, has map[string]string) bool {
	t.Helper()
	for _, m := range matcher.FindAllStringSubmatch(by, -1) {
		if slices.Contains(scraped, m[1]) {
			continue
		}
		value, there := has[m[1]]
		fits := value == m[3]
		if m[2] == "=~" {
			fits = regexp.MustCompile("^(?:" + m[3] + ")$").MatchString(value)
		}
		if m[2] == "!=" {
			fits = !fits
		}
		if !there || !fits {
			return false
		}
	}
	return true
}

type query struct {
	Expr   string `json:"expr"`
	Legend string `json:"legendFormat"`
}

func queriesOf(t *testing.T, file string) (all []query) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var board struct {
		Panels []struct {
			Targets []query `json:"targets"`
		} `json:"panels"`
	}
	require.NoError(t, json.Unmarshal(text, &board))
	for _, p := range board.Panels {
		all = append(all, p.Targets...)
	}
	require.NotEmpty(t, all, file)
	return all
}

func metricsOf(t *testing.T, p *process) map[string]*dto.MetricFamily {
	t.Helper()
	response, err := http.Get(p.admin + "/metrics")
	require.NoError(t, err)
	defer response.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(response.Body)
	require.NoError(t, err)
	return families
}
