package test

import (
	"testing"

	"github.com/stretchr/testify/require"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

const (
	component = "app.kubernetes.io/component"
	grpcPort  = 9090
)

// edges are the calls that network policies allow between the release's pods: by caller, and by callee.
type edges struct{ to, from map[string][]string }

// allowed reads the network policies.
func allowed(t *testing.T, objects []*unstructured.Unstructured) edges {
	t.Helper()
	found := edges{to: map[string][]string{}, from: map[string][]string{}}
	for _, policy := range policies(t, objects) {
		of := policy.Spec.PodSelector.MatchLabels[component]
		for _, rule := range policy.Spec.Egress {
			found.to[of] = append(found.to[of], peers(rule.Ports, rule.To)...)
		}
		for _, rule := range policy.Spec.Ingress {
			found.from[of] = append(found.from[of], peers(rule.Ports, rule.From)...)
		}
	}
	return found
}

// peers are the release's components that a rule for gRPC names.
func peers(ports []networkingv1.NetworkPolicyPort, peers []networkingv1.NetworkPolicyPeer) []string {
	var names []string
	for _, peer := range peers {
		if peer.PodSelector != nil && len(ports) == 1 && ports[0].Port.IntValue() == grpcPort {
			names = append(names, peer.PodSelector.MatchLabels[component])
		}
	}
	return names
}

func policies(t *testing.T, objects []*unstructured.Unstructured) []networkingv1.NetworkPolicy {
	t.Helper()
	var all []networkingv1.NetworkPolicy
	for _, object := range objects {
		if object.GetKind() == "NetworkPolicy" {
			var policy networkingv1.NetworkPolicy
			require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &policy))
			all = append(all, policy)
		}
	}
	return all
}

// TestNothingIsAllowedButWhatIsNeeded says of each pod what it may reach beside other services, by port.
func TestNothingIsAllowedButWhatIsNeeded(t *testing.T) {
	t.Parallel()
	const dns, postgres, broker, http, https, collector = 53, 5432, 4222, 80, 443, 4317
	base := []int{dns, dns, broker}
	for name, want := range map[string]map[string][]int{
		"smallest": {
			"": nil, "setup": {postgres}, "directory": {postgres}, "threads": {postgres}, "tasks": {postgres},
			"availability": {postgres, http, https}, "notifications": {postgres}, "gateway": {},
		},
		"all-on": {
			"": nil, "setup": {postgres}, "backup": {postgres}, "directory": {postgres, collector}, "threads": {postgres, collector},
			"tasks": {postgres, collector}, "availability": {postgres, http, https, 1, collector},
			"notifications": {postgres, 25, 465, 587, collector}, "gateway": {collector},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reached := map[string][]int{}
			for _, policy := range policies(t, render(t, name, "team").All()) {
				of := policy.Spec.PodSelector.MatchLabels[component]
				require.Len(t, policy.Spec.PolicyTypes, 2, policy.Name)
				require.Equal(t, "meridian", policy.Spec.PodSelector.MatchLabels["app.kubernetes.io/instance"], policy.Name)
				reached[of] = nil
				for _, rule := range policy.Spec.Egress {
					for _, port := range rule.Ports {
						if port.Port.IntValue() != grpcPort {
							reached[of] = append(reached[of], port.Port.IntValue())
						}
					}
				}
			}
			require.Len(t, reached, len(want))
			for of, ports := range want {
				if ports != nil {
					ports = append(append([]int{}, base...), ports...)
				}
				require.ElementsMatch(t, ports, reached[of], "what %q reaches", of)
			}
		})
	}
}
