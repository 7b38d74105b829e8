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

	"github.com/meridianhq/meridian/deploy/test/chart"
	"github.com/meridianhq/meridian/deploy/test/cluster"
)

// stopped are the values with everything on, and those of a restore over them.
func stopped(t *testing.T) map[string]any {
	t.Helper()
	return loader.MergeMaps(values(t, "all-on"), values(t, "stopped"))
}

// TestStoppedIsStopped: with the values for a restore nothing runs, and nothing starts anything.
func TestStoppedIsStopped(t *testing.T) {
	t.Parallel()
	rendered, err := chart.Render(release("team"), stopped(t))
	require.NoError(t, err)
	require.Empty(t, rendered.Hooks)
	seen := map[string]int{}
	for _, object := range rendered.Objects {
		seen[object.GetKind()]++
		switch object.GetKind() {
		case "Deployment":
			replicas, found, err := unstructured.NestedInt64(object.Object, "spec", "replicas")
			require.NoError(t, err)
			require.True(t, found && replicas == 0, object.GetName())
		case "CronJob":
			suspended, _, err := unstructured.NestedBool(object.Object, "spec", "suspend")
			require.NoError(t, err)
			require.True(t, suspended)
		}
	}
	require.Equal(t, 6, seen["Deployment"])
	require.Equal(t, 1, seen["CronJob"])
	require.Zero(t, seen["HorizontalPodAutoscaler"])
}

// helm installs the chart by Helm itself, upgrades it through every set of values, and takes it away again. Hooks are left
// out: nothing here would end a Job.
func helm(ctx context.Context, t *testing.T, server *cluster.Cluster) {
	t.Helper()
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
	var sets []map[string]any
	for _, next := range append(matrix()[1:], matrix()[0], "all-on") {
		sets = append(sets, values(t, next))
	}
	// For a restore, and back.
	sets = append(sets, stopped(t), values(t, "all-on"))
	for i, next := range sets {
		upgrade := action.NewUpgrade(config)
		upgrade.Namespace, upgrade.DisableHooks, upgrade.ResetValues = namespace, true, true
		upgrade.WaitStrategy = kube.HookOnlyStrategy
		_, err := upgrade.RunWithContext(ctx, name, loaded, next)
		require.NoError(t, err, "set %d", i)
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
	t.Helper()
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
