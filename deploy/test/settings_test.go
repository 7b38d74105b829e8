package test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/meridianhq/meridian/deploy/test/chart"
)

// setting is a variable in a struct that a service is configured by.
type setting struct {
	name string
	// secret says that its value may be `@` and a file; target, that it is where another service is called.
	secret, target bool
}

var (
	settingLine = regexp.MustCompile("`name:\"[^`]*env:\"(MERIDIAN_[A-Z0-9_]+)\"[^`]*`")
	serviceAddr = regexp.MustCompile(`^MERIDIAN_(DIRECTORY|AVAILABILITY|THREADS|TASKS|NOTIFICATIONS)_ADDR$`)
)

// settings reads a service's variables from the tags of its own source and of what all services share. The backup's are in its
// own alone.
func settings(t *testing.T, service string) map[string]setting {
	t.Helper()
	known := map[string]setting{}
	folders := []string{"pkg/boot", "pkg/overload", "pkg/eventbus", "services/" + service}
	if service == "backup" || service == "restore" {
		folders = []string{"services/meridian/internal/backup", "pkg/eventbus"}
	}
	for _, folder := range folders {
		require.NoError(t, filepath.WalkDir(filepath.Join(root, folder), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, found := range settingLine.FindAllStringSubmatch(string(text), -1) {
				known[found[1]] = setting{
					name: found[1], secret: strings.Contains(found[0], `secret:"`), target: serviceAddr.MatchString(found[1]),
				}
			}
			return err
		}))
	}
	require.Greater(t, len(known), 3, "the settings of %s are not where they are looked for", service)
	require.True(t, known["MERIDIAN_NATS_PASSWORD"].secret, "secrets are told by a tag")
	return known
}

// workload is a container with the pod that it is in, and the service whose binary it runs.
type workload struct {
	service   string
	pod       corev1.PodSpec
	container corev1.Container
}

// workloads are all containers of a rendered chart.
func workloads(t *testing.T, objects []*unstructured.Unstructured) []workload {
	t.Helper()
	var all []workload
	for _, object := range pods(t, objects) {
		var pod corev1.Pod
		require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &pod))
		for _, container := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
			all = append(all, workload{service: container.Name, pod: pod.Spec, container: container})
		}
	}
	require.NotEmpty(t, all)
	return all
}

// TestEveryVariableIsASetting: services refuse a variable that they do not know.
func TestEveryVariableIsASetting(t *testing.T) {
	t.Parallel()
	for _, name := range matrix() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := workloads(t, render(t, name, "team").All())
			want := 11
			if name == "all-on" {
				want++
			}
			require.Len(t, all, want, "six services, the set-up of five, and the backup")
			for _, it := range all {
				known := settings(t, it.service)
				for _, variable := range it.container.Env {
					if !strings.HasPrefix(variable.Name, "MERIDIAN_") {
						continue
					}
					require.Contains(t, known, variable.Name, "%s knows no such setting", it.service)
				}
				require.NotNil(t, it.pod.EnableServiceLinks)
				require.False(t, *it.pod.EnableServiceLinks, "links to services are variables that no service knows")
			}
		})
	}
}

// TestEveryServiceIsToldWhomItCalls, and no network policy is in its way.
func TestEveryServiceIsToldWhomItCalls(t *testing.T) {
	t.Parallel()
	rendered := render(t, "smallest", "team")
	edges := allowed(t, rendered.All())
	for _, it := range workloads(t, rendered.Objects) {
		var needs []string
		for _, setting := range settings(t, it.service) {
			if setting.target && (it.service != "directory" || setting.name != "MERIDIAN_DIRECTORY_ADDR") {
				needs = append(needs, setting.name)
			}
		}
		var told, callees []string
		for _, variable := range it.container.Env {
			if found := serviceAddr.FindStringSubmatch(variable.Name); found != nil {
				callee := strings.ToLower(found[1])
				require.Equal(t, "dns:///meridian-"+callee+".team.svc:9090", variable.Value)
				told, callees = append(told, variable.Name), append(callees, callee)
			}
		}
		require.ElementsMatch(t, needs, told, it.service)
		require.ElementsMatch(t, callees, edges.to[it.service], "egress of %s", it.service)
		for _, callee := range callees {
			require.Contains(t, edges.from[callee], it.service, "ingress of %s", callee)
		}
	}
}

// TestSecretsAreFiles: no manifest holds a secret's value, and every file that a setting names is mounted.
func TestSecretsAreFiles(t *testing.T) {
	t.Parallel()
	for _, name := range matrix() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rendered := render(t, name, "team")
			for _, object := range rendered.All() {
				require.NotEqual(t, "Secret", object.GetKind(), "%s: the chart makes no Secret", object.GetName())
			}
			for _, it := range workloads(t, rendered.All()) {
				known, files := settings(t, it.service), mounted(t, it)
				for _, variable := range it.container.Env {
					file, isFile := strings.CutPrefix(variable.Value, "@")
					if known[variable.Name].secret {
						require.True(t, isFile, "%s of %s must be a file", variable.Name, it.service)
					}
					if isFile {
						require.Contains(t, files, file, "%s of %s", variable.Name, it.service)
					}
				}
			}
		})
	}
}

// mounted are the files of Secrets that a container finds.
func mounted(t *testing.T, it workload) []string {
	t.Helper()
	var files []string
	for _, mount := range it.container.VolumeMounts {
		require.Equal(t, mount.Name != "backups", mount.ReadOnly, "%s of %s", mount.Name, it.service)
		at := slices.IndexFunc(it.pod.Volumes, func(volume corev1.Volume) bool { return volume.Name == mount.Name })
		require.GreaterOrEqual(t, at, 0, "%s of %s", mount.Name, it.service)
		if projected := it.pod.Volumes[at].Projected; projected != nil {
			for _, source := range projected.Sources {
				for _, item := range source.Secret.Items {
					files = append(files, filepath.Join(mount.MountPath, item.Path))
				}
			}
		}
	}
	return files
}

// TestCertificatesAreThere: each file of TLS that a setting names lies in a Secret that cert-manager makes for this service, or
// that the values name for clients. The services ask all callers for a certificate; the gateway asks clients for none.
func TestCertificatesAreThere(t *testing.T) {
	t.Parallel()
	for set, want := range map[string]map[string]string{
		"mutual-tls":       {"MERIDIAN_TLS_CERT": "meridian-gateway-tls", "MERIDIAN_TLS_SERVER_CA": "meridian-gateway-tls"},
		"all-on":           {"MERIDIAN_TLS_CALL_CERT": "meridian-gateway-tls", "MERIDIAN_TLS_SERVER_CA": "meridian-gateway-tls"},
		"external-secrets": {"MERIDIAN_TLS_CERT": "meridian-clients-tls"},
		"smallest":         {},
	} {
		t.Run(set, func(t *testing.T) {
			t.Parallel()
			objects := render(t, set, "team").Objects
			made := map[string]bool{"meridian-clients-tls": true}
			for _, object := range objects {
				if object.GetKind() == "Certificate" {
					name, _, err := unstructured.NestedString(object.Object, "spec", "secretName")
					require.NoError(t, err)
					made[name] = true
				}
			}
			for _, it := range workloads(t, objects) {
				found := certificates(t, it)
				for variable, secret := range found {
					require.True(t, made[secret], "%s of %s", variable, it.service)
				}
				switch {
				case it.service == "gateway":
					for variable, secret := range want {
						require.Equal(t, secret, found[variable], variable)
					}
					require.NotContains(t, found, "MERIDIAN_TLS_CLIENT_CA")
					require.Equal(t, want["MERIDIAN_TLS_CERT"], found["MERIDIAN_TLS_CERT"])
				case want["MERIDIAN_TLS_SERVER_CA"] != "" && it.service != "backup":
					require.Equal(t, "meridian-"+it.service+"-tls", found["MERIDIAN_TLS_CLIENT_CA"])
				default:
					require.Empty(t, found)
				}
			}
		})
	}
}

// TestMutualTLSIsTurnedOnInSteps: replicas of a step work beside those of the step before and of the one after, so each takes what
// these speak.
func TestMutualTLSIsTurnedOnInSteps(t *testing.T) {
	t.Parallel()
	type way struct{ takesClear, takesTLS, speaksTLS bool }
	steps := []way{{takesClear: true}} // tls.enabled is false
	for _, clearText := range []string{"spoken", "taken", "none"} {
		set := values(t, "mutual-tls")
		set["tls"] = map[string]any{"enabled": true, "clearText": clearText}
		rendered, err := chart.Render(release("team"), set)
		require.NoError(t, err)
		require.Equal(t, clearText != "none", strings.Contains(rendered.Notes, "tls.clearText is "+clearText))
		require.Contains(t, rendered.Notes, `{{index .data \"$file\" | base64decode}}`, "for the first call of the directory")
		var ways []way
		for _, it := range workloads(t, rendered.Objects) {
			found := map[string]string{}
			for _, variable := range it.container.Env {
				found[variable.Name] = variable.Value
			}
			one := way{
				takesClear: found["MERIDIAN_TLS_CLEAR_TEXT"] == "true", takesTLS: found["MERIDIAN_TLS_CLIENT_CA"] != "",
				speaksTLS: found["MERIDIAN_TLS_SERVER_CA"] != "",
			}
			if it.service == "gateway" { // which no service calls
				require.NotContains(t, found, "MERIDIAN_TLS_CLEAR_TEXT")
				require.Equal(t, clearText != "spoken", one.speaksTLS)
				continue
			}
			ways = append(ways, one)
		}
		require.Len(t, ways, 5)
		for _, each := range ways {
			require.Equal(t, ways[0], each, clearText)
		}
		steps = append(steps, ways[0])
	}
	require.Equal(t, way{takesTLS: true, speaksTLS: true}, steps[len(steps)-1])
	for i := range steps[1:] {
		for _, pair := range [][2]way{{steps[i], steps[i+1]}, {steps[i+1], steps[i]}} {
			caller, callee := pair[0], pair[1]
			require.True(t, caller.speaksTLS && callee.takesTLS || !caller.speaksTLS && callee.takesClear, "step %d", i)
		}
	}
}

// certificates are the Secrets that a container's settings of TLS name a file of, by the setting.
func certificates(t *testing.T, it workload) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, variable := range it.container.Env {
		if !strings.HasPrefix(variable.Name, "MERIDIAN_TLS_") {
			continue
		}
		folder, file := filepath.Split(variable.Value)
		require.Contains(t, []string{"tls.crt", "tls.key", "ca.crt"}, file)
		for _, mount := range it.container.VolumeMounts {
			at := slices.IndexFunc(it.pod.Volumes, func(volume corev1.Volume) bool { return volume.Name == mount.Name })
			if mount.MountPath == filepath.Clean(folder) {
				found[variable.Name] = it.pod.Volumes[at].Secret.SecretName
			}
		}
		require.NotEmpty(t, found[variable.Name], "%s of %s", variable.Name, it.service)
	}
	return found
}

// TestTheFirstSecretsAreThoseThatAreMounted: `meridian secrets` makes every key of every Secret that the chart names by
// default, and no Secret that nobody asks for.
func TestTheFirstSecretsAreThoseThatAreMounted(t *testing.T) {
	t.Parallel()
	made := firstSecrets(t)
	// The broker's own, and the key of who makes workspaces.
	asked := map[string]bool{"meridian-nats-server": true, "meridian-operator": true}
	for _, it := range workloads(t, render(t, "all-on", "team").All()) {
		for _, volume := range it.pod.Volumes {
			if volume.Projected == nil {
				continue
			}
			for _, source := range volume.Projected.Sources {
				asked[source.Secret.Name] = true
				for _, item := range source.Secret.Items {
					require.NotEmpty(t, made[source.Secret.Name][item.Key], "%s of %s", item.Key, source.Secret.Name)
				}
			}
		}
	}
	for name := range made {
		require.True(t, asked[name], "nobody asks for %s", name)
	}
}

// TestARestoreFindsWhatTheBackupWrote: the example's pod is the CronJob's, with the command restore and its further settings.
func TestARestoreFindsWhatTheBackupWrote(t *testing.T) {
	t.Parallel()
	restores := workloads(t, decode(t, "restore-job.yaml"))
	require.Len(t, restores, 1)
	restore := restores[0]
	known := settings(t, restore.service)
	told := map[string]string{}
	for _, variable := range restore.container.Env {
		require.Contains(t, known, variable.Name)
		told[variable.Name] = variable.Value
	}
	all := workloads(t, render(t, "all-on", "team").Objects)
	at := slices.IndexFunc(all, func(it workload) bool { return it.service == "backup" })
	require.GreaterOrEqual(t, at, 0)
	backup := all[at]
	for _, variable := range backup.container.Env {
		if strings.HasPrefix(variable.Name, "MERIDIAN_") && variable.Name != "MERIDIAN_NATS_URL" {
			require.Equal(t, variable.Value, told[variable.Name], variable.Name)
		}
	}
	require.Equal(t, backup.pod.SecurityContext, restore.pod.SecurityContext)
	require.Equal(t, backup.container.SecurityContext, restore.container.SecurityContext)
	require.Equal(t, origins(t, backup), origins(t, restore))
	for _, mount := range restore.container.VolumeMounts {
		require.Contains(t, backup.container.VolumeMounts, mount)
	}
	for _, volume := range restore.pod.Volumes {
		require.Contains(t, backup.pod.Volumes, volume)
	}
	require.True(t, strings.HasPrefix(restore.container.Args[1], "/backups/"))
}
