package rpcserver_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpcserver"
	"github.com/meridianhq/meridian/pkg/rpctest"
	"github.com/meridianhq/meridian/pkg/rpctest/probe"
)

func newServer(t *testing.T, cfg rpcserver.Config) *rpcserver.Server {
	t.Helper()
	if cfg.Addr == "" {
		cfg.Addr = "127.0.0.1:0"
	}
	return rpcserver.New(cfg, rpcserver.Deps{
		Verifier: rpctest.NewAuthority(t).Verifier, Log: slog.New(slog.DiscardHandler),
	})
}

func TestUnsoundDeclarationsKeepTheServerFromStarting(t *testing.T) {
	t.Parallel()
	for service, why := range map[string]string{
		"BareService":       "has no access option",
		"OverpublicService": "is public and says more",
		"EmptyService":      "neither a role nor services",
		"ScopelessService":  "must have a role and a scope",
		"RightlessService":  "which need a role",
		"HomelessService":   "does not begin with the workspace",
		"BrokenService":     "the rules of meridian.probe.v1.GetBrokenRequest",
	} {
		s := newServer(t, rpcserver.Config{})
		probe.Register(s, service, nil)
		err := s.Start(t.Context())
		require.ErrorContains(t, err, why)
		require.ErrorContains(t, err, "method "+probe.Package+"."+service+".Get")
		require.NoError(t, s.Stop(t.Context()), "stopping what never started is fine")
	}
}

func TestAServiceWithoutItsDescriptorIsRefused(t *testing.T) {
	t.Parallel()
	s := newServer(t, rpcserver.Config{})
	s.RegisterService(&grpc.ServiceDesc{ServiceName: "meridian.nowhere.v1.NoService"}, nil)
	require.ErrorContains(t, s.Start(t.Context()), "not linked in")
	s = newServer(t, rpcserver.Config{})
	_ = probe.Message("Thing", `{}`) // its descriptor is there from the first use on
	s.RegisterService(&grpc.ServiceDesc{ServiceName: probe.Package + ".Thing"}, nil)
	require.ErrorContains(t, s.Start(t.Context()), "is not a service")
}

func TestStartSaysWhenTheAddressIsTaken(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	s := newServer(t, rpcserver.Config{Addr: l.Addr().String()})
	require.Equal(t, l.Addr().String(), s.Addr())
	require.ErrorContains(t, s.Start(t.Context()), "listen on the gRPC address")
}

func TestRegisteringAfterStartPanics(t *testing.T) {
	t.Parallel()
	b := newBench(t, rpcserver.Config{}, rpcserver.Deps{})
	require.Panics(t, func() { probe.Register(b.server, "ProbeService", nil) })
}

func TestHealthIsToldForEachServiceAndAll(t *testing.T) {
	t.Parallel()
	b := newBench(t, rpcserver.Config{}, rpcserver.Deps{})
	client := healthpb.NewHealthClient(b.cc)
	for _, service := range []string{"", probe.Service} {
		resp, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{Service: service})
		require.NoError(t, err)
		require.Equal(t, healthpb.HealthCheckResponse_SERVING, resp.GetStatus())
	}
	_, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{Service: "nowhere"})
	require.Equal(t, codes.NotFound, status.Code(err))
}

func TestReflectionIsASetting(t *testing.T) {
	t.Parallel()
	list := func(cc *grpc.ClientConn) error {
		stream, err := reflectionpb.NewServerReflectionClient(cc).ServerReflectionInfo(t.Context())
		require.NoError(t, err)
		_ = stream.Send(&reflectionpb.ServerReflectionRequest{
			MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{},
		})
		_, err = stream.Recv()
		return err
	}
	require.NoError(t, list(newBench(t, rpcserver.Config{Reflection: true}, rpcserver.Deps{}).cc))
	require.Equal(t, codes.Unimplemented, status.Code(list(newBench(t, rpcserver.Config{}, rpcserver.Deps{}).cc)))
}

func TestTooLargeARequestIsTheTransportsOwnRefusal(t *testing.T) {
	t.Parallel()
	b := newBench(t, rpcserver.Config{Options: rpcserver.Options{MaxReceive: 1 << 10}}, rpcserver.Deps{})
	err := b.invoke(b.as(t, auth.Guest), "CountThings", field("filter", string(make([]byte, 2<<10))))
	require.Equal(t, codes.ResourceExhausted, status.Code(err))
}

func TestUnknownMethodsGoToTheirHandler(t *testing.T) {
	t.Parallel()
	log := &logbook{}
	answer := make(chan error, 1)
	b := newBench(t, rpcserver.Config{Service: "gateway", Options: rpcserver.Options{
		Unknown: func(any, grpc.ServerStream) error { return <-answer },
	}}, rpcserver.Deps{Log: log.logger()})
	call := func(err error) error {
		answer <- err
		return b.cc.Invoke(t.Context(), "/some.Service/Method", probe.Message("Thing", ""), probe.Message("Thing", ""))
	}
	rpctest.Failed(t, call(fault.InvalidField("a", "must b")), codes.InvalidArgument, fault.ReasonFieldInvalid)
	err := call(status.Error(codes.DataLoss, "as it came"))
	require.Equal(t, codes.DataLoss, status.Code(err))
	require.ErrorContains(t, err, "as it came")
	require.Len(t, log.lines(t), 2)
	require.Equal(t, "/some.Service/Method", log.lines(t)[0]["method"])

	plain := newBench(t, rpcserver.Config{}, rpcserver.Deps{})
	err = plain.cc.Invoke(t.Context(), "/some.Service/Method", probe.Message("Thing", ""), probe.Message("Thing", ""))
	require.Equal(t, codes.Unimplemented, status.Code(err))
}

func TestStopWaitsForCallsAndEndsStreams(t *testing.T) {
	t.Parallel()
	b := newBench(t, rpcserver.Config{}, rpcserver.Deps{})
	began, release := make(chan struct{}, 2), make(chan struct{})
	b.on(func(ctx context.Context, c probe.Call) error {
		began <- struct{}{}
		if c.Send != nil {
			<-ctx.Done()
			return ctx.Err()
		}
		<-release
		return ctx.Err()
	})
	call := make(chan error, 1)
	go func() { call <- b.invoke(b.as(t, auth.Guest), "CountThings", `{}`) }()
	next, err := probe.Watch(b.as(t, auth.Guest), b.cc, "WatchThings", field("parent", "workspaces/"+b.workspace.String()))
	require.NoError(t, err)
	<-began
	<-began
	stopped := make(chan error, 1)
	go func() { stopped <- b.server.Stop(context.Background()) }()

	_, err = next()
	s := rpctest.Failed(t, err, codes.Unavailable, fault.ReasonUnavailable)
	require.Contains(t, s.Message(), "draining")
	select {
	case err := <-stopped:
		require.Fail(t, "it did not wait", "%v", err)
	default:
	}
	close(release)
	require.NoError(t, <-call)
	require.NoError(t, <-stopped)
	require.NoError(t, b.server.Wait(t.Context()))
}

func TestStopCutsWhatDoesNotEndInTime(t *testing.T) {
	t.Parallel()
	b := newBench(t, rpcserver.Config{Options: rpcserver.Options{DrainTimeout: 20 * time.Millisecond}}, rpcserver.Deps{})
	began := make(chan struct{})
	b.on(func(ctx context.Context, _ probe.Call) error {
		close(began)
		<-ctx.Done()
		return ctx.Err()
	})
	call := make(chan error, 1)
	go func() { call <- b.invoke(b.as(t, auth.Guest), "CountThings", `{}`) }()
	<-began
	require.ErrorContains(t, b.server.Stop(t.Context()), "were cut")
	require.Error(t, <-call)
	require.NoError(t, b.server.Stop(t.Context()), "there is nothing left to cut")
}

func TestWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, newBench(t, rpcserver.Config{}, rpcserver.Deps{}).server.Wait(over))
}

func TestTLSAndMutualTLSAreSettings(t *testing.T) {
	t.Parallel()
	certFile, keyFile, _ := rpctest.Certificate(t, t.TempDir())
	clientFile, _, client := rpctest.Certificate(t, t.TempDir())
	roots := x509.NewCertPool()
	pemText, err := os.ReadFile(certFile)
	require.NoError(t, err)
	require.True(t, roots.AppendCertsFromPEM(pemText))

	greet := func(s *rpcserver.Server, certs ...tls.Certificate) error {
		creds := credentials.NewTLS(&tls.Config{RootCAs: roots, Certificates: certs, MinVersion: tls.VersionTLS12})
		cc, err := grpc.NewClient("passthrough:///"+s.Addr(), grpc.WithTransportCredentials(creds))
		require.NoError(t, err)
		defer func() { require.NoError(t, cc.Close()) }()
		_, err = probe.Invoke(t.Context(), cc, "Greet", `{}`)
		return err
	}
	handle := func(context.Context, probe.Call) error { return nil }
	register := func(r grpc.ServiceRegistrar) { probe.Register(r, "ProbeService", handle) }
	files := rpcserver.TLS{CertFile: certFile, KeyFile: keyFile}

	plain, s := rpctest.Serve(t, rpctest.NewAuthority(t), rpcserver.Config{TLS: files}, rpcserver.Deps{}, register)
	require.NoError(t, greet(s))
	_, err = probe.Invoke(t.Context(), plain, "Greet", `{}`)
	require.Equal(t, codes.Unavailable, status.Code(err), "without TLS there is no way in")

	files.ClientCAFile = clientFile
	_, s = rpctest.Serve(t, rpctest.NewAuthority(t), rpcserver.Config{TLS: files}, rpcserver.Deps{}, register)
	require.NoError(t, greet(s, client))
	require.Equal(t, codes.Unavailable, status.Code(greet(s)), "without a certificate of its own there is none either")

	files.ClearText = true
	plain, s = rpctest.Serve(t, rpctest.NewAuthority(t), rpcserver.Config{TLS: files}, rpcserver.Deps{}, register)
	_, err = probe.Invoke(t.Context(), plain, "Greet", `{}`)
	require.NoError(t, err, "in clear text")
	require.NoError(t, greet(s, client), "and with TLS")
	require.Equal(t, codes.Unavailable, status.Code(greet(s)), "which is as strict as ever")
}

func TestUnusableTLSFilesKeepTheServerFromStarting(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certFile, keyFile, _ := rpctest.Certificate(t, dir)
	broken := filepath.Join(dir, "broken.crt")
	require.NoError(t, os.WriteFile(broken, []byte("no PEM"), 0o600))
	for name, files := range map[string]rpcserver.TLS{
		"a CA alone":       {ClientCAFile: certFile},
		"no key":           {CertFile: certFile},
		"an empty CA":      {CertFile: certFile, KeyFile: keyFile, ClientCAFile: broken},
		"no certificate":   {CertFile: broken, KeyFile: keyFile},
		"nothing is there": {CertFile: filepath.Join(dir, "x"), KeyFile: filepath.Join(dir, "y")},
	} {
		require.Error(t, newServer(t, rpcserver.Config{TLS: files}).Start(t.Context()), name)
	}
}

// TestRefusedCallersAreTold: the caller's own error says little, or nothing where it speaks no TLS.
func TestRefusedCallersAreTold(t *testing.T) {
	t.Parallel()
	certFile, keyFile, _ := rpctest.Certificate(t, t.TempDir())
	handle := func(context.Context, probe.Call) error { return nil }
	register := func(r grpc.ServiceRegistrar) { probe.Register(r, "ProbeService", handle) }
	said := &logbook{}
	plain, s := rpctest.Serve(t, rpctest.NewAuthority(t), rpcserver.Config{
		TLS: rpcserver.TLS{CertFile: certFile, KeyFile: keyFile, ClientCAFile: certFile},
	}, rpcserver.Deps{Log: said.logger()}, register)
	var d net.Dialer
	looks, err := d.DialContext(t.Context(), "tcp", s.Addr())
	require.NoError(t, err)
	require.NoError(t, looks.Close())
	_, err = probe.Invoke(t.Context(), plain, "Greet", `{}`)
	require.Equal(t, codes.Unavailable, status.Code(err))
	require.Eventually(t, func() bool { return strings.Contains(said.text(), "a caller is refused") }, 5*time.Second, 10*time.Millisecond)
	require.Contains(t, said.text(), "does not look like a TLS handshake")
	require.Contains(t, said.text(), `"from":"127.0.0.1`)
}
