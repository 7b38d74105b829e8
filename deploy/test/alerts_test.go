package test

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// runbook is a row of the table in docs/runbooks: page, expression, for how long.
var runbook = regexp.MustCompile("(?m)^\\| \\[[^]]+\\]\\(([a-z-]+\\.md)\\) +\\| `([^`]+)`, ([^|]+?) +\\|")

// TestAlertsAreTheRunbooks: an alert for every page and a page for every alert, with the same condition.
func TestAlertsAreTheRunbooks(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(runbooks, "README.md"))
	require.NoError(t, err)
	want := map[string][2]string{}
	for _, row := range runbook.FindAllStringSubmatch(string(text), -1) {
		wait := ""
		if row[3] != "at once" {
			wait = strings.ReplaceAll(strings.TrimSuffix(row[3], "in"), " ", "")
			_, err := time.ParseDuration(wait)
			require.NoError(t, err, row[1])
		}
		want[row[1]] = [2]string{row[2], wait}
	}
	require.NotEmpty(t, want)

	// The chart narrows every expression to the release's namespace.
	narrow := strings.NewReplacer(`{namespace="team"}`, "", "by (namespace, ", "by (")
	have := map[string][2]string{}
	for _, object := range render(t, "all-on", "team").Objects {
		if object.GetKind() != "PrometheusRule" {
			continue
		}
		groups, _, err := unstructured.NestedSlice(object.Object, "spec", "groups")
		require.NoError(t, err)
		rules, _, err := unstructured.NestedSlice(groups[0].(map[string]any), "rules")
		require.NoError(t, err)
		for _, each := range rules {
			rule := each.(map[string]any)
			page, _, err := unstructured.NestedString(rule, "annotations", "runbook_url")
			require.NoError(t, err)
			require.Contains(t, rule["expr"], `{namespace="team"}`)
			wait, _ := rule["for"].(string)
			have[path.Base(page)] = [2]string{narrow.Replace(rule["expr"].(string)), wait}
			require.FileExists(t, filepath.Join(runbooks, path.Base(page)))
		}
	}
	require.Equal(t, want, have)
}
