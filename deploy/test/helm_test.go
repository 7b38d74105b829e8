package test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart/common"
	helmchart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/kube"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/meridianhq/meridian/deploy/test/cluster"
)

// helm installs the chart by Helm itself, upgrades it through every set of values, and takes it away again. Hooks are left
// out: nothing here would end a Job.
func helm(ctx context.Context, t *testing.T, server *cluster.Cluster) {
	namespace := "helm"
	server.Restricted(ctx, t, namespace)
	file := server.Kubeconfig(t)
	flags := genericclioptions.NewConfigFlags(false)
	flags.KubeConfig, flags.Namespace = &file, &namespace
	config := action.NewConfiguration()
	require.NoError(t, config.Init(flags, namespace, "secret"))
	// A server that is built from its module does not know its version.
	config.Capabilities = common.DefaultCapabilities.Copy()
	version, err := common.ParseKubeVersion(kubeVersion)
	require.NoError(t, err)
	config.Capabilities.KubeVersion = *version
	loaded, err := loader.Load(chartFolder)
	require.NoError(t, err)
	const name = "meridian"

	install := action.NewInstall(config)
	install.ReleaseName, install.Namespace, install.DisableHooks = name, namespace, true
	install.WaitStrategy = kube.HookOnlyStrategy
	_, err = install.RunWithContext(ctx, loaded, values(t, matrix()[0]))
	require.NoError(t, err)
	for _, next := range append(matrix()[1:], matrix()[0]) {
		upgrade := action.NewUpgrade(config)
		upgrade.Namespace, upgrade.DisableHooks, upgrade.ResetValues = namespace, true, true
		upgrade.WaitStrategy = kube.HookOnlyStrategy
		_, err := upgrade.RunWithContext(ctx, name, loaded, values(t, next))
		require.NoError(t, err, next)
	}
	scaled(ctx, t, config, server.Client(t, namespace), loaded)
	uninstall := action.NewUninstall(config)
	uninstall.DisableHooks, uninstall.WaitStrategy = true, kube.HookOnlyStrategy
	_, err = uninstall.Run(name)
	require.NoError(t, err)
}

// scaled turns autoscaling on, where Helm said how many replicas there are: there are as many after it. What an operator has
// scaled to none, as for a restore, is there again after the next upgrade.
func scaled(ctx context.Context, t *testing.T, config *action.Configuration, client *cluster.Client, loaded *helmchart.Chart) {
	replicas := func() int64 {
		deployment, err := client.Get(ctx, threads(t, render(t, "gateway-api", "helm").Objects))
		require.NoError(t, err)
		number, _, err := unstructured.NestedInt64(deployment.Object, "spec", "replicas")
		require.NoError(t, err)
		return number
	}
	upgrade := func(values map[string]any) {
		next := action.NewUpgrade(config)
		next.Namespace, next.DisableHooks, next.ResetValues, next.WaitStrategy = "helm", true, true, kube.HookOnlyStrategy
		_, err := next.RunWithContext(ctx, "meridian", loaded, values)
		require.NoError(t, err)
	}
	upgrade(map[string]any{"defaults": map[string]any{"replicas": 3}})
	require.EqualValues(t, 3, replicas())
	scaling := map[string]any{"defaults": map[string]any{"autoscaling": map[string]any{"enabled": true}}}
	upgrade(scaling)
	require.EqualValues(t, 3, replicas())
	upgrade(map[string]any{"defaults": map[string]any{"replicas": 0}})
	upgrade(scaling)
	require.EqualValues(t, 2, replicas())
}
