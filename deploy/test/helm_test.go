package test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/kube"
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
	uninstall := action.NewUninstall(config)
	uninstall.DisableHooks, uninstall.WaitStrategy = true, kube.HookOnlyStrategy
	_, err = uninstall.Run(name)
	require.NoError(t, err)
}
