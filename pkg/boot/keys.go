package boot

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"

	"github.com/go-jose/go-jose/v4"

	"github.com/meridianhq/meridian/pkg/rpcclient"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

// directoryKeys asks the directory for the keys that access tokens are signed with.
type directoryKeys struct {
	client directoryv1.TokenServiceClient
}

// Keys returns the directory's present keys; those that are not Ed25519 are left out.
func (d directoryKeys) Keys(ctx context.Context) (jose.JSONWebKeySet, error) {
	resp, err := d.client.GetJwks(rpcclient.AsService(ctx), &directoryv1.GetJwksRequest{})
	if err != nil {
		return jose.JSONWebKeySet{}, fmt.Errorf("ask the directory for its keys: %w", rpcclient.Fault(err))
	}
	var set jose.JSONWebKeySet
	for _, k := range resp.GetKeys() {
		x, err := base64.RawURLEncoding.DecodeString(k.GetX())
		if err != nil || len(x) != ed25519.PublicKeySize || k.GetKty() != "OKP" || k.GetCrv() != "Ed25519" {
			continue
		}
		set.Keys = append(set.Keys, jose.JSONWebKey{
			Key: ed25519.PublicKey(x), KeyID: k.GetKid(), Algorithm: k.GetAlg(), Use: k.GetUse(),
		})
	}
	return set, nil
}
