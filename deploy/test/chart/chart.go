// Package chart renders a Helm chart by Helm's own code, as `helm template` does.
package chart

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	release "helm.sh/helm/v4/pkg/release/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/yaml"
	sigsyaml "sigs.k8s.io/yaml"
)

// Release is what the chart is rendered for.
type Release struct {
	// Folder is the chart's.
	Folder string
	// Name and Namespace are the release's.
	Name, Namespace string
	// KubeVersion is the cluster's, such as v1.37.2. Empty: Helm's own.
	KubeVersion string
	// Upgrade says that it is no first install.
	Upgrade bool
}

// Rendered is what Helm would send to the cluster, each in its order.
type Rendered struct {
	// Hooks come before the install or upgrade.
	Hooks []*unstructured.Unstructured
	// Objects are all others.
	Objects []*unstructured.Unstructured
	// Notes is what the user is told.
	Notes string
}

// All is every object, the hooks first.
func (r *Rendered) All() []*unstructured.Unstructured {
	return append(append([]*unstructured.Unstructured{}, r.Hooks...), r.Objects...)
}

// Render checks the values by the chart's schema and renders it.
func Render(of Release, values map[string]any) (*Rendered, error) {
	loaded, err := loader.Load(of.Folder)
	if err != nil {
		return nil, fmt.Errorf("load the chart: %w", err)
	}
	install := action.NewInstall(action.NewConfiguration())
	install.DryRunStrategy = action.DryRunClient
	install.ReleaseName, install.Namespace = of.Name, of.Namespace
	install.Replace = true
	install.IsUpgrade = of.Upgrade
	if of.KubeVersion != "" {
		if install.KubeVersion, err = common.ParseKubeVersion(of.KubeVersion); err != nil {
			return nil, err
		}
	}
	made, err := install.Run(loaded, values)
	if err != nil {
		return nil, err
	}
	rel, ok := made.(*release.Release)
	if !ok {
		return nil, fmt.Errorf("helm made a release of an unknown kind: %T", made)
	}
	rendered := &Rendered{Notes: rel.Info.Notes}
	for _, hook := range rel.Hooks {
		objects, err := Decode(strings.NewReader(hook.Manifest))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", hook.Path, err)
		}
		rendered.Hooks = append(rendered.Hooks, objects...)
	}
	if rendered.Objects, err = Decode(strings.NewReader(rel.Manifest)); err != nil {
		return nil, err
	}
	return rendered, nil
}

// Decode reads objects from YAML documents. A key that stands twice in a map is an error.
func Decode(in io.Reader) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	reader := yaml.NewYAMLReader(bufio.NewReader(in))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		text, err := sigsyaml.YAMLToJSONStrict(document)
		if err != nil {
			return nil, fmt.Errorf("%w in\n%s", err, document)
		}
		object := map[string]any{}
		// With whole numbers as such, which objects of Kubernetes want.
		if err := json.Unmarshal(text, &object); err != nil {
			return nil, fmt.Errorf("%w in\n%s", err, document)
		}
		if len(object) > 0 {
			objects = append(objects, &unstructured.Unstructured{Object: object})
		}
	}
}

// Values reads a file of values; no name is no values.
func Values(file string) (map[string]any, error) {
	values := map[string]any{}
	if file == "" {
		return values, nil
	}
	text, err := os.ReadFile(file) //nolint:gosec // the caller says which file
	if err != nil {
		return nil, err
	}
	if err := sigsyaml.UnmarshalStrict(text, &values); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return values, nil
}
