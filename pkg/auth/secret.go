package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"hash/crc32"
	"strings"

	"github.com/meridianhq/meridian/pkg/fault"
)

// A secret is a prefix, 30 random characters (178 bits) and their checksum, so that scanners can find a leaked one
// and a mistyped one is refused without a look-up.
const (
	apiTokenPrefix   = "mrd_"
	invitationPrefix = "mri_"
	feedPrefix       = "mrf_"

	secretLength   = 30
	checksumLength = 6
	base62         = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// NewAPIToken makes an API token and the hash to store. The secret is shown once and kept nowhere.
func NewAPIToken() (secret string, hash []byte) { return newSecret(apiTokenPrefix) }

// ParseAPIToken returns the hash by which a token is looked up. What is no API token is Unauthenticated; that it
// parses says only that it is well formed.
func ParseAPIToken(s string) (hash []byte, err error) {
	if hash, ok := parseSecret(apiTokenPrefix, s); ok {
		return hash, nil
	}
	return nil, fault.New(fault.Unauthenticated, fault.ReasonUnauthenticated, "this is not an API token of ours")
}

// IsAPIToken says whether a bearer token claims to be an API token, by its prefix alone.
func IsAPIToken(s string) bool { return strings.HasPrefix(s, apiTokenPrefix) }

// NewInvitationCode makes the single-use code of an invitation and the hash to store.
func NewInvitationCode() (secret string, hash []byte) { return newSecret(invitationPrefix) }

// ParseInvitationCode returns the hash by which an invitation is looked up. What is no code is Invalid, field code.
func ParseInvitationCode(s string) (hash []byte, err error) {
	if hash, ok := parseSecret(invitationPrefix, s); ok {
		return hash, nil
	}
	return nil, fault.InvalidField("code", "must be an invitation code, as it was handed out")
}

// NewFeedSecret makes the secret in the URL of a calendar feed and the hash to store.
func NewFeedSecret() (secret string, hash []byte) { return newSecret(feedPrefix) }

// ParseFeedSecret returns the hash by which a feed is looked up; false for what is no such secret.
func ParseFeedSecret(s string) (hash []byte, ok bool) { return parseSecret(feedPrefix, s) }

func newSecret(prefix string) (string, []byte) {
	random := randomText()
	secret := prefix + random + checksum(random)
	hash := sha256.Sum256([]byte(secret))
	return secret, hash[:]
}

// parseSecret checks shape and checksum. It needs no constant time: nothing in it depends on a stored secret, and
// the look-up that follows is by hash.
func parseSecret(prefix, s string) ([]byte, bool) {
	body, ok := strings.CutPrefix(s, prefix)
	if !ok || len(body) != secretLength+checksumLength {
		return nil, false
	}
	if strings.Trim(body, base62) != "" || checksum(body[:secretLength]) != body[secretLength:] {
		return nil, false
	}
	hash := sha256.Sum256([]byte(s))
	return hash[:], true
}

// randomText draws each character evenly: bytes past the last multiple of 62 are thrown away.
func randomText() string {
	const even = 256 / len(base62) * len(base62)
	text := make([]byte, 0, secretLength)
	var buf [secretLength]byte
	for {
		_, _ = rand.Read(buf[:]) // never fails: the runtime ends the program first
		for _, b := range buf {
			if int(b) >= even {
				continue
			}
			if text = append(text, base62[int(b)%len(base62)]); len(text) == secretLength {
				return string(text)
			}
		}
	}
}

// checksum is the CRC-32 (IEEE) in base 62, padded to six characters, as GitHub's tokens have it.
func checksum(text string) string {
	sum := crc32.ChecksumIEEE([]byte(text))
	out := [checksumLength]byte{}
	for i := checksumLength - 1; i >= 0; i-- {
		out[i] = base62[sum%uint32(len(base62))]
		sum /= uint32(len(base62))
	}
	return string(out[:])
}
