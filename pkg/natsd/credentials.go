package natsd

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nats-io/nkeys"
)

// Credentials are the secrets of one broker: the password of each static user and the directory's two seeds.
// They are made at random, never defaulted.
type Credentials struct {
	// User and Password are what Meridian's services sign in with (account PLATFORM).
	User     string `json:"user"`
	Password string `json:"password"`
	// CalloutUser and CalloutPassword are the directory's, to answer the auth callout (account AUTH).
	CalloutUser     string `json:"callout_user"`
	CalloutPassword string `json:"callout_password"`
	// SystemUser and SystemPassword are the directory's, to close connections (account SYS).
	SystemUser     string `json:"system_user"`
	SystemPassword string `json:"system_password"`
	// IssuerSeed is the account seed (SA...) that signs admitted users.
	IssuerSeed string `json:"issuer_seed"`
	// XKeySeed is the curve seed (SX...) that opens the server's requests.
	XKeySeed string `json:"xkey_seed"`
}

// NewCredentials makes credentials at random.
func NewCredentials() (Credentials, error) {
	issuer, err := nkeys.CreateAccount()
	if err != nil {
		return Credentials{}, fmt.Errorf("natsd: make issuer: %w", err)
	}
	curve, err := nkeys.CreateCurveKeys()
	if err != nil {
		return Credentials{}, fmt.Errorf("natsd: make xkey: %w", err)
	}
	issuerSeed, err := issuer.Seed()
	if err != nil {
		return Credentials{}, fmt.Errorf("natsd: issuer seed: %w", err)
	}
	curveSeed, err := curve.Seed()
	if err != nil {
		return Credentials{}, fmt.Errorf("natsd: xkey seed: %w", err)
	}
	return Credentials{
		User: "meridian", Password: secret(),
		CalloutUser: "callout", CalloutPassword: secret(),
		SystemUser: "edge", SystemPassword: secret(),
		IssuerSeed: string(issuerSeed), XKeySeed: string(curveSeed),
	}, nil
}

// LoadCredentials reads the credentials kept in the file at path, and makes and keeps new ones (mode 0600) when
// there is no such file.
func LoadCredentials(path string) (Credentials, error) {
	text, err := os.ReadFile(path) //nolint:gosec // The path is the operator's own setting.
	if errors.Is(err, fs.ErrNotExist) {
		return createCredentials(path)
	}
	if err != nil {
		return Credentials{}, fmt.Errorf("natsd: read credentials: %w", err)
	}
	var creds Credentials
	if err := json.Unmarshal(text, &creds); err != nil {
		return Credentials{}, fmt.Errorf("natsd: credentials in %s are not readable", path)
	}
	return creds, creds.check()
}

func createCredentials(path string) (Credentials, error) {
	creds, err := NewCredentials()
	if err != nil {
		return Credentials{}, err
	}
	text, err := json.MarshalIndent(creds, "", "  ") //nolint:gosec // Into a file of mode 0600, which is where secrets are kept.
	if err != nil {
		return Credentials{}, fmt.Errorf("natsd: encode credentials: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return Credentials{}, fmt.Errorf("natsd: make credentials' folder: %w", err)
	}
	// Written aside and renamed, so that a crash never leaves half a file that would lock the data out.
	aside := path + ".new"
	if err := os.WriteFile(aside, text, 0o600); err != nil {
		return Credentials{}, fmt.Errorf("natsd: keep credentials: %w", err)
	}
	if err := os.Rename(aside, path); err != nil {
		return Credentials{}, fmt.Errorf("natsd: keep credentials: %w", err)
	}
	return creds, nil
}

// check refuses credentials that would leave a door open or a door shut for everyone.
func (c Credentials) check() error {
	for name, value := range map[string]string{
		"user": c.User, "password": c.Password,
		"callout user": c.CalloutUser, "callout password": c.CalloutPassword,
		"system user": c.SystemUser, "system password": c.SystemPassword,
	} {
		if value == "" {
			return fmt.Errorf("natsd: credentials: %s is empty", name)
		}
	}
	if c.User == c.CalloutUser || c.User == c.SystemUser || c.CalloutUser == c.SystemUser {
		return errors.New("natsd: credentials: the three users need different names")
	}
	_, err := c.IssuerKey()
	if err != nil {
		return err
	}
	_, err = c.XKey()
	return err
}

// IssuerKey is the key pair that signs admitted users.
func (c Credentials) IssuerKey() (nkeys.KeyPair, error) {
	return keyPair(c.IssuerSeed, nkeys.IsValidPublicAccountKey, "issuer")
}

// XKey is the curve key pair that opens the server's requests.
func (c Credentials) XKey() (nkeys.KeyPair, error) {
	return keyPair(c.XKeySeed, nkeys.IsValidPublicCurveKey, "xkey")
}

func keyPair(seed string, valid func(string) bool, name string) (nkeys.KeyPair, error) {
	pair, err := fromSeed(seed)
	if err != nil {
		return nil, fmt.Errorf("natsd: credentials: the %s's seed is not valid", name)
	}
	public, err := pair.PublicKey()
	if err != nil || !valid(public) {
		return nil, fmt.Errorf("natsd: credentials: the %s's seed is of the wrong kind", name)
	}
	return pair, nil
}

// fromSeed takes seeds of both families: nkeys keeps signing and curve keys apart.
func fromSeed(seed string) (nkeys.KeyPair, error) {
	if pair, err := nkeys.FromCurveSeed([]byte(seed)); err == nil {
		return pair, nil
	}
	return nkeys.FromSeed([]byte(seed)) //nolint:wrapcheck // Only keyPair calls it, and words the error itself.
}

// secret is 256 random bits that need no quoting anywhere.
func secret() string {
	var bits [32]byte
	// crypto/rand.Read never fails: it ends the process instead.
	_, _ = rand.Read(bits[:])
	return base64.RawURLEncoding.EncodeToString(bits[:])
}
