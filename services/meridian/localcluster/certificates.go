//go:build unix

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/rpcclient"
)

// issuer signs the chart's Certificates in the place of cert-manager.
type issuer struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pem         string
}

// newIssuer makes a CA.
func newIssuer() (*issuer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := certificate()
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	made, err := x509.ParseCertificate(der)
	return &issuer{certificate: made, key: key, pem: block("CERTIFICATE", der)}, err
}

// sign makes a certificate for the names, with a key of its own: a Secret's tls.crt and tls.key.
func (i *issuer) sign(names []string) (crt, key string, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	template := certificate()
	template.DNSNames, template.KeyUsage = names, x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	der, err := x509.CreateCertificate(rand.Reader, template, i.certificate, &private.PublicKey, i.key)
	if err != nil {
		return "", "", err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	return block("CERTIFICATE", der), block("PRIVATE KEY", keyDER), err
}

// certificate is what all have: a name of its own, good for a day.
func certificate() *x509.Certificate {
	now := clock.Machine().Now()
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: rand.Text()}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
	}
}

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// issue signs the chart's Certificates by an issuer, and has whoever holds one trust the issuers.
func (k *cluster) issue(by *issuer, trusted ...*issuer) error {
	var bundle string
	for _, each := range trusted {
		bundle += each.pem
	}
	for _, c := range k.certificates {
		if c.Spec.IsCA {
			continue
		}
		crt, key, err := by.sign(c.Spec.DNSNames)
		if err != nil {
			return err
		}
		k.place.secrets[c.Spec.SecretName] = map[string]string{"tls.crt": crt, "tls.key": key, "ca.crt": bundle}
	}
	k.issuer = by
	if len(k.certificates) == 0 {
		return nil
	}
	// An operator's own copy, as the chart's notes have it.
	err := publish(k.facts().TLS, k.place.secrets[release+"-gateway-tls"])
	for _, pods := range k.pods {
		for _, p := range pods {
			err = errors.Join(err, p.remount())
		}
	}
	return err
}

// settled is the time between two steps of replacing a CA.
const settled = 5 * time.Second

// replaceIssuer are the steps by which operators put another CA in the place of the one that signs: both are trusted, certificates
// are signed by the new one, the former is trusted no more. Each is over when all have taken it up: with their next connections.
func (k *cluster) replaceIssuer(ctx context.Context) ([]func() error, error) {
	former := k.issuer
	next, err := newIssuer()
	if err != nil {
		return nil, err
	}
	step := func(by *issuer, trusted ...*issuer) func() error {
		return func() error { return errors.Join(k.issue(by, trusted...), clock.Sleep(ctx, settled)) }
	}
	return []func() error{step(former, former, next), step(next, former, next), step(next, next)}, nil
}

// knock calls every replica of the services as strangers do: in clear text, without a certificate, and with one of another CA.
// None is let in; who has a certificate of the CA is.
func (k *cluster) knock(ctx context.Context) error {
	other, err := newIssuer()
	if err != nil {
		return err
	}
	crt, key, err := other.sign([]string{"stranger"})
	if err != nil {
		return err
	}
	foreign := filepath.Join(k.place.folder, "stranger")
	if err := publish(foreign, map[string]string{"tls.crt": crt, "tls.key": key}); err != nil {
		return err
	}
	ca, own := filepath.Join(k.facts().TLS, "ca.crt"), k.facts().TLS
	knocked := 0
	for deployment, pods := range k.pods {
		if deployment == release+"-gateway" {
			continue
		}
		for _, p := range pods {
			for who, files := range map[string]rpcclient.TLS{
				"in clear text":         {},
				"without a certificate": {CAFile: ca},
				"of another CA":         {CAFile: ca, CertFile: filepath.Join(foreign, "tls.crt"), KeyFile: filepath.Join(foreign, "tls.key")},
				"of the CA":             {CAFile: ca, CertFile: filepath.Join(own, "tls.crt"), KeyFile: filepath.Join(own, "tls.key")},
			} {
				if files.CAFile != "" {
					files.ServerName = deployment
				}
				letIn, err := letIn(ctx, p.addr.String()+":9090", files)
				if err != nil || letIn != (who == "of the CA") {
					return errors.Join(fmt.Errorf("%s: a caller %s was let in: %t", p.name, who, letIn), err)
				}
				knocked++
			}
		}
	}
	k.log.InfoContext(ctx, "the services let in whoever has a certificate of the CA, and nobody else", "knocks", knocked)
	return nil
}

// letIn says whether a replica answers a call at all.
func letIn(ctx context.Context, addr string, files rpcclient.TLS) (bool, error) {
	conn, err := rpcclient.Dial(addr, rpcclient.Config{TLS: files})
	if err != nil {
		return false, err
	}
	defer conn.Close() //nolint:errcheck // the call is over
	_, err = grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err != nil && status.Code(err) != codes.Unavailable {
		return false, err
	}
	return err == nil, nil
}
