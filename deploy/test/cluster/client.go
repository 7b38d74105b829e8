package cluster

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
)

// manager is who owns the fields that are applied, as where Helm applies.
const manager = "helm"

// Client talks to the API as Helm 4 does: it applies objects server-side, with their fields checked strictly.
type Client struct {
	namespace string
	dynamic   dynamic.Interface
	mapper    meta.RESTMapper

	mu       sync.Mutex
	warnings []string
}

// Client makes a client for a namespace.
func (c *Cluster) Client(t *testing.T, namespace string) *Client {
	t.Helper()
	client := &Client{namespace: namespace}
	config := rest.CopyConfig(c.config)
	config.WarningHandler = warned(client.warn)
	kinds, err := discovery.NewDiscoveryClientForConfig(config)
	require.NoError(t, err)
	client.mapper = restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(kinds))
	client.dynamic, err = dynamic.NewForConfig(config)
	require.NoError(t, err)
	return client
}

// warned gets the warnings of the server's answers.
type warned func(text string)

// HandleWarningHeader implements rest.WarningHandler.
func (w warned) HandleWarningHeader(code int, _, text string) {
	if code == 299 && text != "" {
		w(text)
	}
}

func (c *Client) warn(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.warnings = append(c.warnings, text)
}

// Warnings are those of all answers since the last call.
func (c *Client) Warnings() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	warnings := c.warnings
	c.warnings = nil
	return warnings
}

// resource is where objects of a kind stand.
func (c *Client) resource(object *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	kind := object.GroupVersionKind()
	mapping, err := c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", kind.Kind, object.GetName(), err)
	}
	if mapping.Scope.Name() == meta.RESTScopeNameRoot {
		return c.dynamic.Resource(mapping.Resource), nil
	}
	if object.GetNamespace() != "" && object.GetNamespace() != c.namespace {
		return nil, fmt.Errorf("%s %s is for the namespace %s", kind.Kind, object.GetName(), object.GetNamespace())
	}
	return c.dynamic.Resource(mapping.Resource).Namespace(c.namespace), nil
}

// Apply applies an object and returns what the server made of it. A field that the server does not know, or that stands
// twice, is an error.
func (c *Client) Apply(ctx context.Context, object *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	resource, err := c.resource(object)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(object.Object)
	if err != nil {
		return nil, err
	}
	made, err := resource.Patch(ctx, object.GetName(), types.ApplyPatchType, text, metav1.PatchOptions{
		FieldManager: manager, FieldValidation: metav1.FieldValidationStrict,
	})
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
	}
	return made, nil
}

// Get reads an object as it stands.
func (c *Client) Get(ctx context.Context, object *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	resource, err := c.resource(object)
	if err != nil {
		return nil, err
	}
	return resource.Get(ctx, object.GetName(), metav1.GetOptions{})
}

// Try asks whether an object could be created, and makes nothing.
func (c *Client) Try(ctx context.Context, object *unstructured.Unstructured) error {
	resource, err := c.resource(object)
	if err != nil {
		return err
	}
	_, err = resource.Create(ctx, object, metav1.CreateOptions{
		DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict,
	})
	return err
}

// Delete deletes an object that is there.
func (c *Client) Delete(ctx context.Context, object *unstructured.Unstructured) error {
	resource, err := c.resource(object)
	if err != nil {
		return err
	}
	now, background := int64(0), metav1.DeletePropagationBackground
	return resource.Delete(ctx, object.GetName(), metav1.DeleteOptions{GracePeriodSeconds: &now, PropagationPolicy: &background})
}

// waitEstablished waits until a kind is served.
func (c *Client) waitEstablished(ctx context.Context, t *testing.T, definition *unstructured.Unstructured) {
	t.Helper()
	resource, err := c.resource(definition)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		now, err := resource.Get(ctx, definition.GetName(), metav1.GetOptions{})
		return err == nil && established(now)
	}, patience, 50*time.Millisecond, definition.GetName())
}

// serves says whether objects of a kind can be applied.
func (c *Client) serves(definition *unstructured.Unstructured) bool {
	group, _, _ := unstructured.NestedString(definition.Object, "spec", "group")
	kind, _, _ := unstructured.NestedString(definition.Object, "spec", "names", "kind")
	_, err := c.mapper.RESTMapping(schema.GroupKind{Group: group, Kind: kind})
	return err == nil
}

// Key tells objects apart.
func Key(object *unstructured.Unstructured) string {
	return object.GroupVersionKind().GroupKind().String() + " " + object.GetName()
}

// Gone are the objects of before that are not among those of after.
func Gone(before, after []*unstructured.Unstructured) []*unstructured.Unstructured {
	var gone []*unstructured.Unstructured
	for _, object := range before {
		if !slices.ContainsFunc(after, func(other *unstructured.Unstructured) bool { return Key(other) == Key(object) }) {
			gone = append(gone, object)
		}
	}
	return gone
}
