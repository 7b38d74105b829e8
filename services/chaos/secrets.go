//go:build unix

package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"strings"

	"github.com/meridianhq/meridian/pkg/auth"
)

// operator is the identity that may make workspaces.
const operator = "meridian"

// owners are the services with a schema; allServices has the gateway too. The order is that of starting.
func owners() []string {
	return []string{"directory", "availability", "threads", "tasks", "notifications"}
}

func allServices() []string { return append(owners(), "gateway") }

// secrets are what the processes of a run know each other by.
type secrets struct {
	seeds     map[string]string
	keys      map[string]ed25519.PrivateKey
	passwords map[string]string
	resume    string
}

func newSecrets() *secrets {
	s := &secrets{seeds: map[string]string{}, keys: map[string]ed25519.PrivateKey{}, passwords: map[string]string{}}
	for _, name := range append(allServices(), operator) {
		seed := random()
		s.seeds[name] = base64.StdEncoding.EncodeToString(seed)
		s.keys[name] = ed25519.NewKeyFromSeed(seed)
		s.passwords[name] = base64.RawURLEncoding.EncodeToString(random())
	}
	s.resume = base64.StdEncoding.EncodeToString(random())
	return s
}

func random() []byte {
	bits := make([]byte, ed25519.SeedSize)
	_, _ = rand.Read(bits) // it never fails
	return bits
}

// public is every public key, as services are told them.
func (s *secrets) public() string {
	var pairs []string
	for name, key := range s.keys {
		if public, ok := key.Public().(ed25519.PublicKey); ok {
			pairs = append(pairs, name+"="+base64.StdEncoding.EncodeToString(public))
		}
	}
	return strings.Join(pairs, ";")
}

func (s *secrets) identity(name string) auth.Identity {
	return auth.Identity{Name: name, Key: s.keys[name]}
}
