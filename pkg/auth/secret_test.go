package auth_test

import (
	"crypto/sha256"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
)

func TestAPIToken(t *testing.T) {
	t.Parallel()
	shape := regexp.MustCompile(`^mrd_[0-9A-Za-z]{36}$`)
	seen := map[string]bool{}
	for range 1000 {
		secret, hash := auth.NewAPIToken()
		require.Regexp(t, shape, secret)
		require.False(t, seen[secret])
		seen[secret] = true
		want := sha256.Sum256([]byte(secret))
		require.Equal(t, want[:], hash)

		got, err := auth.ParseAPIToken(secret)
		require.NoError(t, err)
		require.Equal(t, hash, got)
		require.True(t, auth.IsAPIToken(secret))
	}
}

func TestInvitationCode(t *testing.T) {
	t.Parallel()
	code, hash := auth.NewInvitationCode()
	require.True(t, strings.HasPrefix(code, "mri_"))
	got, err := auth.ParseInvitationCode(code)
	require.NoError(t, err)
	require.Equal(t, hash, got)

	_, err = auth.ParseAPIToken(code)
	require.True(t, fault.Is(err, fault.Unauthenticated), "a code is no token")
	token, _ := auth.NewAPIToken()
	_, err = auth.ParseInvitationCode(token)
	require.True(t, fault.Is(err, fault.Invalid), "a token is no code")
	require.NotContains(t, err.Error(), token)
}

func TestKnownChecksum(t *testing.T) {
	t.Parallel()
	// The checksum is part of what secret scanners are told, so it may never change.
	_, err := auth.ParseAPIToken("mrd_" + strings.Repeat("a", 30) + "1yLcDB")
	require.NoError(t, err)
}

// Any one character changed is noticed without a look-up: that is what the checksum is for.
func TestMistypedTokensAreRefused(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		secret, _ := auth.NewAPIToken()
		at := rapid.IntRange(4, len(secret)-1).Draw(t, "at")
		with := rapid.SampledFrom([]byte("09AZaz_-.=\x00\xff")).Draw(t, "with")
		if secret[at] == with {
			return
		}
		wrong := secret[:at] + string([]byte{with}) + secret[at+1:]
		_, err := auth.ParseAPIToken(wrong)
		require.True(t, fault.HasReason(err, fault.ReasonUnauthenticated))
		require.NotContains(t, err.Error(), secret[4:12])
	})
}

func TestMalformedTokens(t *testing.T) {
	t.Parallel()
	secret, _ := auth.NewAPIToken()
	for _, s := range []string{
		"", "mrd_", "MRD_" + secret[4:], secret[4:], secret + "0", secret[:39], " " + secret, secret + "\n", strings.Repeat("a", 40),
	} {
		_, err := auth.ParseAPIToken(s)
		require.True(t, fault.Is(err, fault.Unauthenticated), s)
	}
	require.False(t, auth.IsAPIToken("eyJhbGciOiJFZERTQSJ9"))
}

func FuzzParseAPIToken(f *testing.F) {
	secret, _ := auth.NewAPIToken()
	f.Add(secret)
	f.Add("mrd_")
	f.Fuzz(func(t *testing.T, s string) {
		hash, err := auth.ParseAPIToken(s)
		if err == nil {
			require.Len(t, hash, sha256.Size)
			require.Len(t, s, 40)
		}
	})
}
