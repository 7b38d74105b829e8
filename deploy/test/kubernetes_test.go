package test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meridianhq/meridian/deploy/test/chart"
	"github.com/meridianhq/meridian/deploy/test/cluster"
)

// TestAClusterTakesTheChart applies the chart of every set of values to a real API server.
func TestAClusterTakesTheChart(t *testing.T) {
	ctx := t.Context()
	server := cluster.Start(t)
	server.InstallDefinitions(ctx, t)

	t.Run("by Helm itself", func(t *testing.T) { helm(ctx, t, server) })
	for _, name := range matrix() {
		t.Run(name, func(t *testing.T) {
			client := server.Restricted(ctx, t, name)
			rendered := render(t, name, name)
			first := apply(ctx, t, client, rendered.All())
			t.Run("its pods are admitted", func(t *testing.T) {
				for _, pod := range pods(t, rendered.All()) {
					require.NoError(t, client.Try(ctx, pod), pod.GetName())
				}
				require.Empty(t, client.Warnings())
			})
			t.Run("applied again nothing changes", func(t *testing.T) {
				require.Equal(t, first, apply(ctx, t, client, rendered.All()))
			})
		})
	}
	for _, from := range matrix() {
		for _, to := range matrix() {
			if from != to {
				t.Run("from "+from+" to "+to, func(t *testing.T) {
					namespace := from + "-" + to
					upgrade(ctx, t, server.Restricted(ctx, t, namespace), render(t, from, namespace), render(t, to, namespace))
				})
			}
		}
	}
	t.Run("from the chart that is installed", func(t *testing.T) { fromPrevious(ctx, t, server) })
	t.Run("the examples are taken", func(t *testing.T) { examples(ctx, t, server) })
	t.Run("what is wrong is refused", func(t *testing.T) { refused(ctx, t, server) })
}

// apply applies objects without an error or a warning, and returns the version of each.
func apply(ctx context.Context, t *testing.T, client *cluster.Client, objects []*unstructured.Unstructured) map[string]string {
	t.Helper()
	versions := map[string]string{}
	for _, object := range objects {
		made, err := client.Apply(ctx, object)
		require.NoError(t, err)
		require.Empty(t, client.Warnings(), cluster.Key(object))
		versions[cluster.Key(object)] = made.GetResourceVersion()
	}
	return versions
}

// upgrade goes from one rendering to another as Helm does: hooks are made anew, what is gone is deleted.
func upgrade(ctx context.Context, t *testing.T, client *cluster.Client, before, after *chart.Rendered) {
	t.Helper()
	apply(ctx, t, client, before.All())
	for _, hook := range before.Hooks {
		require.NoError(t, client.Delete(ctx, hook), cluster.Key(hook))
	}
	apply(ctx, t, client, after.All())
	for _, object := range cluster.Gone(before.Objects, after.Objects) {
		require.NoError(t, client.Delete(ctx, object), cluster.Key(object))
	}
	require.Empty(t, client.Warnings())
}

// fromPrevious goes from what scripts/pin-chart kept of an earlier chart to the present one, with the same values.
func fromPrevious(ctx context.Context, t *testing.T, server *cluster.Cluster) {
	t.Helper()
	files, err := filepath.Glob("testdata/previous/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			namespace := "previous-" + name
			upgrade(ctx, t, server.Restricted(ctx, t, namespace), pinned(t, file), render(t, name, namespace))
		})
	}
}

// pinned reads a rendering that was kept.
func pinned(t *testing.T, file string) *chart.Rendered {
	t.Helper()
	in, err := os.Open(file)
	require.NoError(t, err)
	defer in.Close()
	objects, err := chart.Decode(in)
	require.NoError(t, err)
	kept := &chart.Rendered{}
	for _, object := range objects {
		if _, hook := object.GetAnnotations()["helm.sh/hook"]; hook {
			kept.Hooks = append(kept.Hooks, object)
		} else {
			kept.Objects = append(kept.Objects, object)
		}
	}
	require.NotEmpty(t, kept.Hooks)
	require.NotEmpty(t, kept.Objects)
	return kept
}

// examples applies the objects that stand beside the chart.
func examples(ctx context.Context, t *testing.T, server *cluster.Cluster) {
	t.Helper()
	client := server.Restricted(ctx, t, "examples")
	for _, file := range []string{"external-secrets.yaml", "postgres.yaml", "restore-job.yaml"} {
		objects := decode(t, file)
		apply(ctx, t, client, objects)
		for _, pod := range pods(t, objects) {
			require.NoError(t, client.Try(ctx, pod), file)
		}
	}
}

// refused shows that the tests above can fail.
func refused(ctx context.Context, t *testing.T, server *cluster.Cluster) {
	t.Helper()
	client := server.Restricted(ctx, t, "refused")
	objects := render(t, "smallest", "refused").All()
	apply(ctx, t, client, objects)
	t.Run("a privileged container", func(t *testing.T) {
		wrong := threads(t, objects)
		changeContainer(t, wrong, func(container map[string]any) { container["securityContext"] = map[string]any{"privileged": true} })
		_, err := client.Apply(ctx, wrong)
		require.NoError(t, err, "the Deployment itself is only warned of")
		require.Contains(t, strings.Join(client.Warnings(), " "), "privileged")
		for _, pod := range pods(t, []*unstructured.Unstructured{wrong}) {
			require.ErrorContains(t, client.Try(ctx, pod), "violates PodSecurity")
		}
	})
	t.Run("a root user", func(t *testing.T) {
		wrong := threads(t, objects)
		require.NoError(t, unstructured.SetNestedField(wrong.Object, int64(0), "spec", "template", "spec", "securityContext", "runAsUser"))
		for _, pod := range pods(t, []*unstructured.Unstructured{wrong}) {
			require.ErrorContains(t, client.Try(ctx, pod), "runAsUser=0")
		}
	})
	t.Run("a variable twice", func(t *testing.T) {
		wrong := threads(t, objects)
		changeContainer(t, wrong, func(container map[string]any) {
			env, ok := container["env"].([]any)
			require.True(t, ok)
			container["env"] = append(env, env[0])
		})
		_, err := client.Apply(ctx, wrong)
		require.ErrorContains(t, err, "duplicate")
	})
	t.Run("another selector", func(t *testing.T) {
		wrong := threads(t, objects)
		for _, path := range [][]string{{"spec", "selector", "matchLabels", "x"}, {"spec", "template", "metadata", "labels", "x"}} {
			require.NoError(t, unstructured.SetNestedField(wrong.Object, "y", path...))
		}
		_, err := client.Apply(ctx, wrong)
		require.ErrorContains(t, err, "immutable")
	})
	t.Run("a field that there is not", func(t *testing.T) {
		wrong := threads(t, objects)
		require.NoError(t, unstructured.SetNestedField(wrong.Object, "5s", "spec", "drainDelay"))
		_, err := client.Apply(ctx, wrong)
		require.ErrorContains(t, err, "drainDelay")
	})
}

// threads is a copy of the Deployment of threads.
func threads(t *testing.T, objects []*unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	at := slices.IndexFunc(objects, func(object *unstructured.Unstructured) bool {
		return object.GetKind() == "Deployment" && object.GetName() == "meridian-threads"
	})
	require.GreaterOrEqual(t, at, 0)
	return objects[at].DeepCopy()
}

// changeContainer changes the one container of a Deployment.
func changeContainer(t *testing.T, of *unstructured.Unstructured, change func(container map[string]any)) {
	t.Helper()
	path := []string{"spec", "template", "spec", "containers"}
	containers, _, err := unstructured.NestedSlice(of.Object, path...)
	require.NoError(t, err)
	require.Len(t, containers, 1)
	container, ok := containers[0].(map[string]any)
	require.True(t, ok)
	change(container)
	require.NoError(t, unstructured.SetNestedSlice(of.Object, containers, path...))
}

// pods are those that the objects' templates would make.
func pods(t *testing.T, objects []*unstructured.Unstructured) []*unstructured.Unstructured {
	t.Helper()
	var all []*unstructured.Unstructured
	for _, object := range objects {
		path := []string{"spec", "template"}
		if object.GetKind() == "CronJob" {
			path = []string{"spec", "jobTemplate", "spec", "template"}
		}
		template, found, err := unstructured.NestedMap(object.Object, path...)
		require.NoError(t, err)
		if !found {
			continue
		}
		pod := &unstructured.Unstructured{Object: template}
		pod.SetAPIVersion("v1")
		pod.SetKind("Pod")
		pod.SetName(object.GetName())
		pod.SetNamespace(object.GetNamespace())
		all = append(all, pod)
	}
	return all
}

// render renders the chart with a set of values, for a namespace.
func render(t *testing.T, name, namespace string) *chart.Rendered {
	t.Helper()
	rendered, err := chart.Render(release(namespace), values(t, name))
	require.NoError(t, err)
	return rendered
}
