//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os/exec"
)

// object is what is read of an object of Kubernetes.
type object struct {
	Kind     string `json:"kind"`
	Metadata meta   `json:"metadata"`
	Spec     struct {
		Replicas int `json:"replicas"`
		Template struct {
			Metadata meta    `json:"metadata"`
			Spec     podSpec `json:"spec"`
		} `json:"template"`
		// SecretName, DNSNames and IsCA are a Certificate's.
		SecretName string   `json:"secretName"`
		DNSNames   []string `json:"dnsNames"`
		IsCA       bool     `json:"isCA"`
		// Selector is a Service's.
		Selector map[string]any `json:"selector"`
		Ports    []struct {
			Name string `json:"name"`
			Port int    `json:"port"`
		} `json:"ports"`
	} `json:"spec"`
	// StringData is a Secret's.
	StringData map[string]string `json:"stringData"`
}

type meta struct {
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels"`
}

type podSpec struct {
	Containers []container `json:"containers"`
	Volumes    []volume    `json:"volumes"`
}

type container struct {
	Name  string   `json:"name"`
	Image string   `json:"image"`
	Args  []string `json:"args"`
	Env   []struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	} `json:"env"`
	VolumeMounts []struct {
		Name      string `json:"name"`
		MountPath string `json:"mountPath"`
	} `json:"volumeMounts"`
}

type volume struct {
	Name   string `json:"name"`
	Secret struct {
		Name string `json:"secretName"`
	} `json:"secret"`
	Projected struct {
		Sources []struct {
			Secret struct {
				Name  string `json:"name"`
				Items []struct {
					Key  string `json:"key"`
					Path string `json:"path"`
				} `json:"items"`
			} `json:"secret"`
		} `json:"sources"`
	} `json:"projected"`
}

// selects says whether a Service's selector chooses a pod with these labels.
func (o object) selects(labels map[string]string) bool {
	for key, value := range o.Spec.Selector {
		if labels[key] != value {
			return false
		}
	}
	return len(o.Spec.Selector) > 0
}

// objects runs a program that prints a List, and returns its objects.
func objects(ctx context.Context, program string, args ...string) ([]object, error) {
	command := exec.CommandContext(ctx, program, args...) //nolint:gosec // our own
	var said bytes.Buffer
	command.Stderr = &said
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", program, err, said.String())
	}
	var list struct {
		Items []object `json:"items"`
	}
	if err := json.Unmarshal(out, &list); err != nil {
		return nil, fmt.Errorf("%s: %w", program, err)
	}
	return list.Items, nil
}

func of(all []object, kind string) []object {
	var found []object
	for _, o := range all {
		if o.Kind == kind {
			found = append(found, o)
		}
	}
	return found
}

// secrets are the Secrets' values, by name and key.
func secrets(all []object) map[string]map[string]string {
	found := map[string]map[string]string{}
	for _, o := range of(all, "Secret") {
		found[o.Metadata.Name] = maps.Clone(o.StringData)
	}
	return found
}
