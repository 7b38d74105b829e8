package test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/nats-io/nats-server/v2/conf"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/deploy/test/chart"
)

// called is the host of a URL or of a target, with its port.
var called = regexp.MustCompile(`(?:^(?:\w+://(?:[^@/]*@)?/?)|-addr=)([\w.-]+):\d+`)

// composed loads the compose file by Compose's own code, with all profiles, beside the secrets that its README's command
// makes. An unknown field, or a file of variables that is not there, is an error.
func composed(t *testing.T) *types.Project {
	t.Helper()
	folder := t.TempDir()
	for _, name := range []string{"compose", "nats"} {
		require.NoError(t, os.CopyFS(filepath.Join(folder, name), os.DirFS(filepath.Join(root, "deploy", name))))
	}
	require.NoError(t, os.RemoveAll(filepath.Join(folder, "compose", "secrets")), "the operator's own")
	require.NoError(t, os.CopyFS(filepath.Join(folder, "compose", "secrets"), os.DirFS(secretsFolder(t))))
	options, err := cli.NewProjectOptions([]string{filepath.Join(folder, "compose", "compose.yaml")}, cli.WithProfiles([]string{"*"}))
	require.NoError(t, err)
	project, err := options.LoadProject(t.Context())
	require.NoError(t, err)
	require.Empty(t, project.DisabledServices)
	return project
}

// TestComposeRunsWhatTheChartRuns: each service and its set-up has the chart's settings, and finds the same keys of the same
// Secrets as the same files.
func TestComposeRunsWhatTheChartRuns(t *testing.T) {
	t.Parallel()
	project := composed(t)
	values := values(t, "smallest")
	values["mail"] = map[string]any{"existingSecret": "meridian-mail"}
	values["urls"] = map[string]any{"api": "http://127.0.0.1:8080"}
	rendered, err := chart.Render(release("team"), values)
	require.NoError(t, err)
	host := regexp.MustCompile(`meridian-([a-z]+)\.team\.svc`)

	for prefix, all := range map[string][]workload{"setup-": workloads(t, rendered.Hooks), "": workloads(t, rendered.Objects)} {
		for _, it := range all {
			name := prefix + it.service
			service, ok := project.Services[name]
			require.True(t, ok, name)
			require.Equal(t, "meridian/"+it.service+"d:latest", service.Image, name)
			require.Equal(t, it.container.Args, []string(service.Command), name)
			want := map[string]string{}
			for _, variable := range it.container.Env {
				want[variable.Name] = host.ReplaceAllString(variable.Value, "$1")
			}
			require.Equal(t, want, variables(service), name)
			require.Equal(t, origins(t, it), secretFiles(t, project, service), name)
			if limit := it.container.Resources.Limits.Memory(); prefix == "" {
				require.Equal(t, limit.Value(), int64(service.MemLimit), name)
				require.Equal(t, []string{"CMD", "/app", "health"}, []string(service.HealthCheck.Test), name)
				require.Equal(t, types.ServiceConditionCompletedSuccessfully, service.DependsOn[setupOf(it)].Condition, name)
				require.Equal(t, time.Duration(*it.pod.TerminationGracePeriodSeconds)*time.Second, time.Duration(*service.StopGracePeriod), name)
			}
		}
	}
}

// setupOf is the set-up that a service waits for: its own, or any, where it needs the event stream alone.
func setupOf(it workload) string {
	if it.service == "gateway" {
		return "setup-directory"
	}
	return "setup-" + it.service
}

func variables(of types.ServiceConfig) map[string]string {
	all := map[string]string{}
	for name, value := range of.Environment {
		all[name] = *value
	}
	return all
}

// origins are the keys of Secrets that a container of the chart finds as files: SECRET/KEY by path.
func origins(t *testing.T, it workload) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, mount := range it.container.VolumeMounts {
		for _, volume := range it.pod.Volumes {
			if volume.Name != mount.Name || volume.Projected == nil {
				continue
			}
			for _, source := range volume.Projected.Sources {
				for _, item := range source.Secret.Items {
					files[filepath.Join(mount.MountPath, item.Path)] = source.Secret.Name + "/" + item.Key
				}
			}
		}
	}
	return files
}

// secretFiles are the same of a service of the compose file. Each must have been made.
func secretFiles(t *testing.T, project *types.Project, of types.ServiceConfig) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, each := range of.Secrets {
		file := project.Secrets[each.Source].File
		require.FileExists(t, file, "%s of %s", each.Source, of.Name)
		key, err := filepath.Rel(filepath.Join(project.WorkingDir, "secrets"), file)
		require.NoError(t, err)
		files[each.Target] = filepath.ToSlash(key)
	}
	return files
}

// TestComposeIsWholeByItself: what URLs and mounts name is there, every variable is a setting, and every Secret is asked for.
func TestComposeIsWholeByItself(t *testing.T) {
	t.Parallel()
	project := composed(t)
	used := map[string]bool{}
	for name, service := range project.Services {
		known := map[string]setting{}
		if binary, own := strings.CutPrefix(service.Image, "meridian/"); own && name != "workspace" {
			known = settings(t, strings.TrimSuffix(binary, "d:latest"))
		}
		texts := slices.Collect(maps.Values(variables(service)))
		for _, each := range service.Secrets {
			used[each.Source] = true
			text, err := os.ReadFile(project.Secrets[each.Source].File)
			require.NoError(t, err)
			texts = append(texts, string(text))
		}
		for _, text := range append(texts, service.Entrypoint...) {
			for _, host := range hosts(text) {
				require.Contains(t, project.Services, host, "%s of %s", text, name)
			}
		}
		for variable := range variables(service) {
			if strings.HasPrefix(variable, "MERIDIAN_") && name != "nats" {
				require.Contains(t, known, variable, name)
			}
		}
		for _, volume := range service.Volumes {
			if volume.Type == types.VolumeTypeBind {
				require.FileExists(t, volume.Source, name)
				require.True(t, volume.ReadOnly, name)
			} else {
				require.Contains(t, project.Volumes, volume.Source, name)
			}
		}
	}
	for name := range project.Secrets {
		require.True(t, used[name], "nobody asks for %s", name)
	}
}

// hosts are those that a URL, a target of gRPC or an option with one calls; not this machine itself.
func hosts(text string) []string {
	var all []string
	for _, found := range called.FindAllStringSubmatch(text, -1) {
		if found[1] != "127.0.0.1" {
			all = append(all, found[1])
		}
	}
	return all
}

// TestComposeGivesContainersNothingMore: nothing is writable but volumes, no capabilities, and ports of this machine alone.
func TestComposeGivesContainersNothingMore(t *testing.T) {
	t.Parallel()
	var open []string
	for name, service := range composed(t).Services {
		require.True(t, service.ReadOnly, name)
		require.Equal(t, []string{"ALL"}, service.CapDrop, name)
		require.Empty(t, service.CapAdd, name)
		require.False(t, service.Privileged, name)
		require.Equal(t, []string{"no-new-privileges:true"}, service.SecurityOpt, name)
		require.NotEmpty(t, service.Restart, name)
		require.NotRegexp(t, `^[^:]+$|:$`, service.Image, "a version of %s", name)
		require.Equal(t, strings.HasPrefix(service.Image, "meridian/"), service.PullPolicy == types.PullPolicyNever, name)
		for _, port := range service.Ports {
			require.Equal(t, "127.0.0.1", port.HostIP, name)
			open = append(open, name+" "+port.Published)
		}
	}
	require.ElementsMatch(t, []string{"gateway 8080", "gateway 9090", "mail 8025"}, open)
}

// TestComposesBrokerIsMeridians: it runs deploy/nats/meridian.conf with every variable that it asks for, and no other.
func TestComposesBrokerIsMeridians(t *testing.T) {
	project := composed(t)
	broker := project.Services["nats"]
	file := filepath.Join(natsFolder, "meridian.conf")
	require.Equal(t, filepath.Join(filepath.Dir(project.WorkingDir), "nats", "meridian.conf"), broker.Volumes[0].Source)
	require.Contains(t, broker.Command, broker.Volumes[0].Target)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	asked := map[string]bool{}
	for _, found := range regexp.MustCompile(`\$(MERIDIAN_\w+)`).FindAllSubmatch(text, -1) {
		asked[string(found[1])] = true
	}
	given := variables(broker)
	require.ElementsMatch(t, slices.Collect(maps.Keys(asked)), slices.Collect(maps.Keys(given)))
	for name, value := range given {
		t.Setenv(name, value)
	}
	parsed, err := conf.ParseFile(file)
	require.NoError(t, err)
	require.Equal(t, "/data", child(t, parsed, "jetstream")["store_dir"])
	require.Equal(t, "/data", broker.Volumes[1].Target)
	user, err := os.ReadFile(project.Secrets["nats-password"].File)
	require.NoError(t, err)
	require.Equal(t, string(user), given["MERIDIAN_NATS_PASSWORD"], "services and broker know the same password")
}
