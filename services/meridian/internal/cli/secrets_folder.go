package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// brokerVariables are those of deploy/nats/meridian.conf that hold what is made at random, and where of the Secrets it stands.
func brokerVariables() [][3]string {
	const services, edge, server = "meridian-nats", "meridian-nats-edge", "meridian-nats-server"
	return [][3]string{
		{"MERIDIAN_NATS_USER", services, "user"},
		{"MERIDIAN_NATS_PASSWORD", services, "password"},
		{"MERIDIAN_NATS_CALLOUT_USER", edge, "callout-user"},
		{"MERIDIAN_NATS_CALLOUT_PASSWORD", edge, "callout-password"},
		{"MERIDIAN_NATS_SYSTEM_USER", edge, "system-user"},
		{"MERIDIAN_NATS_SYSTEM_PASSWORD", edge, "system-password"},
		{"MERIDIAN_NATS_CALLOUT_ISSUER", server, "callout-issuer"},
		{"MERIDIAN_NATS_CALLOUT_XKEY", server, "callout-xkey"},
	}
}

// writeSecrets writes a file for each key, as Kubernetes mounts Secrets, and the broker's variables. A folder that is there
// is left alone: what it holds is in use.
//
// Nobody else may look into the folder. The files in it are readable, since containers that get one of them run as users of
// their own.
func writeSecrets(folder string, items []kubeSecret) error {
	if err := os.Mkdir(folder, 0o700); err != nil {
		return fmt.Errorf("folder: %w", err)
	}
	byName := map[string]map[string]string{}
	for _, item := range items {
		byName[item.Metadata.Name] = item.StringData
		if err := os.Mkdir(filepath.Join(folder, item.Metadata.Name), 0o755); err != nil { //nolint:gosec // within one that is closed
			return fmt.Errorf("folder: %w", err)
		}
		for key, value := range item.StringData {
			if err := writeReadable(filepath.Join(folder, item.Metadata.Name, key), value); err != nil {
				return fmt.Errorf("folder: %w", err)
			}
		}
	}
	var env strings.Builder
	for _, each := range brokerVariables() {
		fmt.Fprintf(&env, "%s=%s\n", each[0], byName[each[1]][each[2]])
	}
	return writeReadable(filepath.Join(folder, "nats.env"), env.String())
}

// writeReadable writes a file that everybody may read, whatever the process's mask.
func writeReadable(path, text string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // the operator's own folder
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Chmod(0o444), file.Close())
}
