package test

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meridianhq/meridian/deploy/test/chart"
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
	narrow := strings.NewReplacer(`{namespace="team"}`, "", `{namespace="team", `, "{", "by (namespace, ", "by (")
	have := map[string][2]string{}
	for page, rule := range alerts(t, values(t, "all-on")) {
		require.Contains(t, rule["expr"], `{namespace="team"`)
		wait, _ := rule["for"].(string)
		have[page] = [2]string{narrow.Replace(rule["expr"].(string)), wait}
		require.FileExists(t, filepath.Join(runbooks, page))
	}
	require.Equal(t, want, have)
}

// alerts are the rules that the chart renders, by their pages.
func alerts(t *testing.T, values map[string]any) map[string]map[string]any {
	t.Helper()
	rendered, err := chart.Render(release("team"), values)
	require.NoError(t, err)
	found := map[string]map[string]any{}
	for _, object := range rendered.Objects {
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
			found[path.Base(page)] = rule
		}
	}
	return found
}

// TestBackupsAreMissedWhereTheyAreMade: by the CronJob that the chart renders, after the time that it is told.
func TestBackupsAreMissedWhereTheyAreMade(t *testing.T) {
	t.Parallel()
	const page = "backup-missing.md"
	all := values(t, "all-on")
	backup := all["backup"].(map[string]any)
	all["fullnameOverride"], backup["alarmAfter"] = "chat", "336h"
	rule := alerts(t, all)[page]
	require.Contains(t, rule["expr"], `{namespace="team", cronjob="chat-backup"}`)
	require.Regexp(t, ` > 1209600$`, rule["expr"])
	rendered, err := chart.Render(release("team"), all)
	require.NoError(t, err)
	require.True(t, slices.ContainsFunc(rendered.Objects, func(object *unstructured.Unstructured) bool {
		return object.GetKind() == "CronJob" && object.GetName() == "chat-backup"
	}))
	backup["alarmAfter"] = ""
	require.NotContains(t, alerts(t, all), page)
	backup["alarmAfter"], backup["enabled"] = "48h", false
	require.NotContains(t, alerts(t, all), page)
}
