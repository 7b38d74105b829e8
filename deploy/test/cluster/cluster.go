// Package cluster is a Kubernetes cluster without nodes: a real etcd and a real kube-apiserver in this process. What it
// takes, a cluster's API takes; nothing runs of it.
package cluster

import (
	"context"
	"embed"
	"net/url"
	"path"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	etcd "go.etcd.io/etcd/server/v3/embed"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app/testing"

	"github.com/meridianhq/meridian/deploy/test/chart"
)

// patience is how long a start, or what a start makes, may take on a machine that is busy.
const patience = 2 * time.Minute

// Cluster is a running API server.
type Cluster struct {
	config *rest.Config
}

// Start starts etcd and the API server; both end with the test.
func Start(t *testing.T) *Cluster {
	t.Helper()
	storage := storagebackend.NewDefaultConfig(path.Join("meridian", "registry"), nil)
	storage.Transport.ServerList = []string{startEtcd(t)}
	// As clusters have it: what is privileged is for policies to refuse.
	flags := []string{"--allow-privileged=true"}
	server, err := apiserver.StartTestServer(t, apiserver.NewDefaultTestServerOptions(), flags, storage)
	require.NoError(t, err)
	t.Cleanup(server.TearDownFn)
	return &Cluster{config: server.ClientConfig}
}

// startEtcd starts etcd with its data in the test's folder, and returns its address.
func startEtcd(t *testing.T) string {
	t.Helper()
	cfg := etcd.NewConfig()
	cfg.Dir = t.TempDir()
	cfg.LogLevel = "error"
	cfg.UnsafeNoFsync = true // the data dies with the test
	free := url.URL{Scheme: "http", Host: "127.0.0.1:0"}
	cfg.ListenClientUrls, cfg.ListenPeerUrls = []url.URL{free}, []url.URL{free}
	cfg.AdvertiseClientUrls = []url.URL{free}
	server, err := etcd.StartEtcd(cfg)
	require.NoError(t, err)
	t.Cleanup(server.Close)
	select {
	case <-server.Server.ReadyNotify():
	case <-time.After(patience):
		require.Fail(t, "etcd is not ready")
	}
	return "http://" + server.Clients[0].Addr().String()
}

// Kubeconfig writes a file by which kubectl and Helm reach the API, and returns its path.
func (c *Cluster) Kubeconfig(t *testing.T) string {
	t.Helper()
	const name = "test"
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{
		Server: c.config.Host, CertificateAuthorityData: c.config.CAData, TLSServerName: c.config.ServerName,
	}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: c.config.BearerToken}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	config.CurrentContext = name
	file := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, clientcmd.WriteToFile(*config, file))
	return file
}

// definitions are the kinds of others that the chart's objects may be of: copies made for the test, of the fields that the
// chart uses. Like the originals they refuse fields that they do not know.
//
//go:embed crds/*.yaml
var definitions embed.FS

// InstallDefinitions makes the kinds of others and waits until they are served.
func (c *Cluster) InstallDefinitions(ctx context.Context, t *testing.T) {
	t.Helper()
	client := c.Client(t, "")
	files, err := definitions.ReadDir("crds")
	require.NoError(t, err)
	for _, file := range files {
		in, err := definitions.Open(path.Join("crds", file.Name()))
		require.NoError(t, err)
		objects, err := chart.Decode(in)
		require.NoError(t, err, file.Name())
		for _, definition := range objects {
			_, err := client.Apply(ctx, definition)
			require.NoError(t, err, file.Name())
			client.waitEstablished(ctx, t, definition)
			require.Eventually(t, func() bool { return c.Client(t, "").serves(definition) }, patience, 100*time.Millisecond, definition.GetName())
		}
	}
	require.Empty(t, client.Warnings())
}

// Restricted makes a namespace that enforces the Pod Security Standard "restricted" and warns of what does not keep to it,
// with the account that a cluster's own controllers would make, and returns a client for it.
func (c *Cluster) Restricted(ctx context.Context, t *testing.T, name string) *Client {
	t.Helper()
	client := c.Client(t, name)
	labels := map[string]any{}
	for _, mode := range []string{"enforce", "warn", "audit"} {
		labels["pod-security.kubernetes.io/"+mode] = "restricted"
		labels["pod-security.kubernetes.io/"+mode+"-version"] = "latest"
	}
	for _, object := range []map[string]any{
		{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name, "labels": labels}},
		{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": map[string]any{"name": "default", "namespace": name}},
	} {
		_, err := client.Apply(ctx, &unstructured.Unstructured{Object: object})
		require.NoError(t, err)
	}
	return client
}

// established says whether a kind is served.
func established(definition *unstructured.Unstructured) bool {
	conditions, _, _ := unstructured.NestedSlice(definition.Object, "status", "conditions")
	for _, each := range conditions {
		condition, ok := each.(map[string]any)
		if ok && condition["type"] == "Established" && condition["status"] == string(metav1.ConditionTrue) {
			return true
		}
	}
	return false
}
