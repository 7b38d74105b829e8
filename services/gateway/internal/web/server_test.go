package web

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/rpcserver"
)

// lines collects what is logged.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func serve(t *testing.T, cfg Config, handler http.HandlerFunc) (string, *lines, *Server) {
	t.Helper()
	logged := &lines{}
	cfg.Addr, cfg.Log, cfg.Machine = "127.0.0.1:0", slog.New(slog.NewTextHandler(logged, nil)), clock.Machine()
	s := New(cfg, handler)
	require.Equal(t, cfg.Addr, s.Addr())
	require.NoError(t, s.Start(t.Context()))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		require.NoError(t, s.Stop(ctx))
	})
	return "http://" + s.Addr(), logged, s
}

func fetch(t *testing.T, url string, headers ...string) (string, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { require.NoError(t, response.Body.Close()) }()
	text, err := io.ReadAll(response.Body)
	return string(text), err
}

func TestTheClientsAddressIsTheOneThatTrustedProxiesSaw(t *testing.T) {
	t.Parallel()
	remote := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.RemoteAddr+" "+r.Header.Get("X-Forwarded-For"))
	}
	trusting, _, _ := serve(t, Config{
		Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")},
	}, remote)
	for forwarded, want := range map[string]string{
		"203.0.113.9":                         "203.0.113.9:0 ",
		"198.51.100.1, 203.0.113.9, 10.1.1.1": "203.0.113.9:0 ",
		"203.0.113.9:4711":                    "203.0.113.9:0 ",
		"2001:db8::1":                         "[2001:db8::1]:0 ",
		"[2001:db8::1]:443, 10.0.0.1":         "[2001:db8::1]:0 ",
	} {
		got, err := fetch(t, trusting, "X-Forwarded-For", forwarded)
		require.NoError(t, err)
		require.Equal(t, want, got, forwarded)
	}
	for _, forwarded := range []string{"", "nonsense", "10.0.0.1"} {
		got, err := fetch(t, trusting, "X-Forwarded-For", forwarded)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(got, "127.0.0.1:"), got)
	}
	wary, _, _ := serve(t, Config{}, remote)
	got, err := fetch(t, wary, "X-Forwarded-For", "203.0.113.9")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(got, "127.0.0.1:") && strings.HasSuffix(got, " "), got)
}

func TestTLSIsASetting(t *testing.T) {
	t.Parallel()
	known := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate, and a client that trusts it
	t.Cleanup(known.Close)
	client := known.Client()
	transport, ok := client.Transport.(*http.Transport)
	require.True(t, ok)
	transport.ForceAttemptHTTP2 = true
	folder := t.TempDir()
	files := rpcserver.TLS{CertFile: filepath.Join(folder, "tls.crt"), KeyFile: filepath.Join(folder, "tls.key")}
	broken := New(Config{TLS: files, Log: slog.New(slog.DiscardHandler), Machine: clock.Machine()}, http.NotFoundHandler())
	require.ErrorContains(t, broken.Start(t.Context()), "tls.crt", "a file that is not there is told at the start")

	pair := known.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	require.NoError(t, err)
	write := func(path, kind string, der []byte) {
		require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	}
	write(files.CertFile, "CERTIFICATE", pair.Certificate[0])
	write(files.KeyFile, "PRIVATE KEY", key)
	url, _, _ := serve(t, Config{TLS: files}, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Proto)
	})
	url = "https" + strings.TrimPrefix(url, "http")
	get := func() string {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		require.NoError(t, err)
		response, err := client.Do(request)
		require.NoError(t, err)
		defer func() { require.NoError(t, response.Body.Close()) }()
		text, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		return string(text)
	}
	require.Equal(t, "HTTP/2.0", get())
	transport.CloseIdleConnections()
	transport.TLSClientConfig.NextProtos = []string{"http/1.1"}
	transport.ForceAttemptHTTP2 = false
	client.Transport = &http.Transport{TLSClientConfig: transport.TLSClientConfig, TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{}}
	require.Equal(t, "HTTP/1.1", get())
	_, err = fetch(t, "http"+strings.TrimPrefix(url, "https"))
	require.NoError(t, err, "a client in clear text is told what it did wrong")
}

func TestAPanicEndsOneRequest(t *testing.T) {
	t.Parallel()
	url, logged, _ := serve(t, Config{}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/boom" {
			panic("a mistake")
		}
		_, _ = io.WriteString(w, "fine")
	})
	_, err := fetch(t, url+"/boom?secret=1")
	require.Error(t, err)
	got, err := fetch(t, url)
	require.NoError(t, err)
	require.Equal(t, "fine", got)
	require.Contains(t, logged.String(), "a mistake")
	require.Contains(t, logged.String(), "server_test.go", "with the place where it happened")
	require.NotContains(t, logged.String(), "secret=1")
}

func TestNoTokenIsLogged(t *testing.T) {
	t.Parallel()
	url, logged, _ := serve(t, Config{}, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	_, err := fetch(t, url+"/v1/x", "Authorization", "Bearer mrd_secret")
	require.NoError(t, err)
	require.Contains(t, logged.String(), "code=418")
	require.NotContains(t, logged.String(), "mrd_secret")
}

func TestStreamsAreNotCompressed(t *testing.T) {
	t.Parallel()
	url, _, _ := serve(t, Config{}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, strings.Repeat("data: x\n\n", 1000))
	})
	got, err := fetch(t, url+"/v1/workspaces/w/events:watch", "Accept-Encoding", "gzip")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(got, "data: x"))
}

func TestASlowHeaderIsCutOff(t *testing.T) {
	t.Parallel()
	s := New(Config{Log: slog.New(slog.DiscardHandler), Machine: clock.Machine()}, http.NotFoundHandler())
	require.Positive(t, s.http.ReadHeaderTimeout)
	require.Positive(t, s.http.IdleTimeout)
	url, _, _ := serve(t, Config{}, func(http.ResponseWriter, *http.Request) {})
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	require.NoError(t, err)
	_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nX-Large: "+strings.Repeat("x", 2*maxHeader)+"\r\n\r\n")
	require.NoError(t, err)
	answer := make([]byte, 64)
	n, err := conn.Read(answer)
	require.NoError(t, err)
	require.Contains(t, string(answer[:n]), "431")
	require.NoError(t, conn.Close())
}

func TestAnAddressInUseIsAnError(t *testing.T) {
	t.Parallel()
	url, _, _ := serve(t, Config{}, func(http.ResponseWriter, *http.Request) {})
	other := New(Config{
		Addr: strings.TrimPrefix(url, "http://"), Log: slog.New(slog.DiscardHandler), Machine: clock.Machine(),
	}, http.NotFoundHandler())
	require.ErrorContains(t, other.Start(t.Context()), "HTTP address")
}
