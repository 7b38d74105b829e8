package live

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"

	"github.com/meridianhq/meridian/pkg/fault"
)

// place is a point in the stream: directly after an event. It belongs to one life of the stream, told by when the
// stream was made, and to one filter.
type place struct {
	sequence uint64
	created  time.Time
	filter   [filterSize]byte
}

const (
	tokenVersion = 1
	filterSize   = 16
	placeSize    = 1 + 8 + 8 + filterSize
	macSize      = 16
)

// signer makes and reads resume tokens. Replicas with the same key take each other's.
type signer struct{ key []byte }

func (s signer) sign(p place) string {
	text := make([]byte, 0, placeSize+macSize)
	text = append(text, tokenVersion)
	text = binary.BigEndian.AppendUint64(text, p.sequence)
	text = binary.BigEndian.AppendUint64(text, uint64(p.created.UnixNano()))
	text = append(text, p.filter[:]...)
	text = append(text, s.mac(text)...)
	return base64.RawURLEncoding.EncodeToString(text)
}

// read returns the place of a token that this or another replica made, and Invalid for any other.
func (s signer) read(token string) (place, error) {
	text, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(text) != placeSize+macSize || text[0] != tokenVersion {
		return place{}, invalidToken("must be a token that a response carried")
	}
	if !hmac.Equal(s.mac(text[:placeSize]), text[placeSize:]) {
		return place{}, invalidToken("must be a token that a response carried")
	}
	p := place{
		sequence: binary.BigEndian.Uint64(text[1:]),
		created:  time.Unix(0, int64(binary.BigEndian.Uint64(text[9:]))).UTC(),
	}
	copy(p.filter[:], text[17:placeSize])
	return p, nil
}

func (s signer) mac(text []byte) []byte {
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte("meridian resume token\n"))
	mac.Write(text)
	return mac.Sum(nil)[:macSize]
}

func invalidToken(rule string) *fault.Error {
	return fault.New(fault.Invalid, fault.ReasonResumeTokenInvalid, "resume_token: %s", rule).
		WithField("resume_token", rule)
}
