package stack

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"
)

// callers are those who have an identity of their own; owners those with a schema.
func callers() []string { return append([]string{"meridian", "gateway"}, owners()...) }

func owners() []string {
	return []string{"directory", "availability", "threads", "tasks", "notifications"}
}

// secrets is what the first start makes at random and keeps in the data folder.
type secrets struct {
	// OwnerPasswords and AppPasswords are those of each service's two database roles.
	OwnerPasswords map[string]string `json:"owner_passwords"`
	AppPasswords   map[string]string `json:"app_passwords"`
	// IdentitySeeds are the Ed25519 seeds, base64, of each caller's own identity.
	IdentitySeeds map[string]string `json:"identity_seeds"`
	// ResumeKey signs the resume tokens of event streams, base64.
	ResumeKey string `json:"resume_key"`
	// FirstRequest is the request_id of the first start's CreateWorkspace.
	FirstRequest string `json:"first_request"`
}

// loadSecrets reads the secrets and makes what is missing, which is all of them at the first start and those of a
// new service after an upgrade.
func loadSecrets(data string) (*secrets, error) {
	path := filepath.Join(data, "secrets.json")
	s := &secrets{}
	text, err := os.ReadFile(path) //nolint:gosec // the operator's own folder
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("read the secrets: %w", err)
	default:
		if err := json.Unmarshal(text, s); err != nil {
			return nil, fmt.Errorf("the secrets in %s are not readable", path)
		}
	}
	if !s.complete() {
		text, err := json.MarshalIndent(s, "", "  ")
		if err != nil {
			return nil, fmt.Errorf("encode the secrets: %w", err)
		}
		if err := writeFile(path, text); err != nil {
			return nil, fmt.Errorf("keep the secrets: %w", err)
		}
	}
	return s, nil
}

// complete makes what is missing and says whether nothing was.
func (s *secrets) complete() bool {
	whole := true
	fill := func(have *map[string]string, names []string) {
		if *have == nil {
			*have = map[string]string{}
		}
		for _, name := range names {
			if (*have)[name] == "" {
				(*have)[name] = random()
				whole = false
			}
		}
	}
	fill(&s.OwnerPasswords, owners())
	fill(&s.AppPasswords, owners())
	fill(&s.IdentitySeeds, callers())
	if s.ResumeKey == "" {
		s.ResumeKey, whole = random(), false
	}
	if s.FirstRequest == "" {
		s.FirstRequest, whole = uuid.NewString(), false
	}
	return whole
}

// random is 256 random bits in base64 that needs no quoting in a URL.
func random() string {
	var bits [32]byte
	// crypto/rand.Read never fails: it ends the process instead.
	_, _ = rand.Read(bits[:])
	return base64.RawURLEncoding.EncodeToString(bits[:])
}

// key is a caller's private key.
func (s *secrets) key(name string) (ed25519.PrivateKey, error) {
	seed, err := base64.RawURLEncoding.DecodeString(s.IdentitySeeds[name])
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("the identity of %s is not readable", name)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// publicKeys are what every service knows the callers by, as the setting service-keys has them.
func (s *secrets) publicKeys() (string, error) {
	var keys []string
	for _, name := range callers() {
		key, err := s.key(name)
		if err != nil {
			return "", err
		}
		public, ok := key.Public().(ed25519.PublicKey)
		if !ok {
			return "", fmt.Errorf("the identity of %s is not readable", name)
		}
		keys = append(keys, name+"="+base64.RawURLEncoding.EncodeToString(public))
	}
	return strings.Join(keys, ";"), nil
}
