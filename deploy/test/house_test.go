package test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meridianhq/meridian/deploy/test/chart"
)

// Where what is tested stands.
const (
	root          = "../.."
	chartFolder   = root + "/deploy/helm/meridian"
	exampleFolder = root + "/deploy/helm/examples"
	natsFolder    = root + "/deploy/nats"
	runbooks      = root + "/docs/runbooks"
	// kubeVersion is that of the API server that the chart is applied to.
	kubeVersion = "v1.37.2"
)

// matrix are the examples' sets of values.
func matrix() []string {
	return []string{"smallest", "all-on", "gateway-api", "mutual-tls", "external-secrets"}
}

func release(namespace string) chart.Release {
	return chart.Release{Folder: chartFolder, Name: "meridian", Namespace: namespace, KubeVersion: kubeVersion}
}

func values(t *testing.T, name string) map[string]any {
	t.Helper()
	values, err := chart.Values(filepath.Join(exampleFolder, "values-"+name+".yaml"))
	require.NoError(t, err)
	return values
}

// decode reads the objects of an example.
func decode(t *testing.T, file string) []*unstructured.Unstructured {
	t.Helper()
	in, err := os.Open(filepath.Join(exampleFolder, file))
	require.NoError(t, err)
	defer in.Close()
	objects, err := chart.Decode(in)
	require.NoError(t, err, file)
	return objects
}
