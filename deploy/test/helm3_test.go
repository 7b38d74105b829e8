package test

import (
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meridianhq/meridian/deploy/test/chart"
	"github.com/meridianhq/meridian/deploy/test/cluster"
)

// TestHelm3RendersTheSame compares what the two versions of Helm make of the chart, and that both refuse by the schema.
func TestHelm3RendersTheSame(t *testing.T) {
	t.Parallel()
	for _, name := range matrix() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			loaded, err := loader.Load(chartFolder)
			require.NoError(t, err)
			caps := chartutil.DefaultCapabilities.Copy()
			version, err := chartutil.ParseKubeVersion(kubeVersion)
			require.NoError(t, err)
			caps.KubeVersion = *version
			options := chartutil.ReleaseOptions{Name: "meridian", Namespace: "team", IsInstall: true, Revision: 1}
			prepared, err := chartutil.ToRenderValues(loaded, values(t, name), options, caps)
			require.NoError(t, err)
			files, err := engine.Render(loaded, prepared)
			require.NoError(t, err)
			have := map[string]*unstructured.Unstructured{}
			for file, text := range files {
				if path.Ext(file) != ".yaml" {
					continue
				}
				objects, err := chart.Decode(strings.NewReader(text))
				require.NoError(t, err, file)
				for _, object := range objects {
					have[cluster.Key(object)] = object
				}
			}
			want := map[string]*unstructured.Unstructured{}
			for _, object := range render(t, name, "team").All() {
				want[cluster.Key(object)] = object
			}
			require.Equal(t, want, have)

			_, err = chartutil.ToRenderValues(loaded, map[string]any{"databse": map[string]any{}}, options, caps)
			require.ErrorContains(t, err, "databse")
		})
	}
}
