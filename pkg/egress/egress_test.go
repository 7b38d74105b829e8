package egress_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/meridianhq/meridian/pkg/egress"
)

// loopback allows what the servers of these tests are reached by.
func loopback() egress.Options {
	return egress.Options{HTTP: true, AnyPort: true, Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}
}

// get fetches a URL and reads all of its body.
func get(t *testing.T, o egress.Options, url string) (string, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	response, err := egress.NewClient(o).Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

// requireRefused holds an error to being a refusal of a part.
func requireRefused(t *testing.T, part string, err error) {
	t.Helper()
	require.Error(t, err)
	require.NotNil(t, egress.Refused(err), "%v", err)
	require.Equal(t, part, egress.Refused(err).Part, "%v", err)
}

func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

func TestAddressesThatAreNotPublic(t *testing.T) {
	t.Parallel()
	for _, host := range []string{
		"0.0.0.0", "10.1.2.3", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255",
		"192.0.0.170", "192.0.2.1", "192.168.0.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
		"[::]", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[::127.0.0.1]", "[64:ff9b::10.0.0.1]", "[64:ff9b::7f00:1]",
		"[64:ff9b:1::7f00:1]", "[fe80::1]", "[fe80::1%25lo]", "[fc00::1]", "[fd12:3456::1]", "[fec0::1]", "[ff02::1]", "[2001::1]", "[2001:db8::1]",
		"[2002:7f00:1::]", "[3fff::1]", "[100::1]", "[5f00::1]", "[4000::1]",
		"2130706433", "0x7f.1", "localhost",
	} {
		_, err := get(t, egress.Options{HTTP: true, Timeout: 5 * time.Second}, "http://"+host+"/")
		require.Error(t, err, host)
		if !strings.HasPrefix(host, "2130706433") && !strings.HasPrefix(host, "0x7f") { // names that resolve to nothing are as well
			requireRefused(t, "address", err)
		}
	}
}

func TestAllowedNetworks(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
	body, err := get(t, loopback(), url)
	require.NoError(t, err)
	require.Equal(t, "hello", body)
	o := loopback()
	o.Networks = []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}
	_, err = get(t, o, url)
	requireRefused(t, "address", err)
}

func TestSchemesPortsAndUsers(t *testing.T) {
	t.Parallel()
	allowed := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	for _, c := range []struct {
		options   egress.Options
		url, part string
	}{
		{egress.Options{Networks: allowed}, "http://127.0.0.1/", "scheme"},
		{egress.Options{Networks: allowed}, "file:///etc/passwd", "scheme"},
		{egress.Options{Networks: allowed, HTTP: true}, "gopher://127.0.0.1/", "scheme"},
		{egress.Options{Networks: allowed}, "https://127.0.0.1:80/", "port"},
		{egress.Options{Networks: allowed, HTTP: true}, "http://127.0.0.1:5432/", "port"},
		{egress.Options{Networks: allowed, HTTP: true}, "http://user:password@127.0.0.1/", "user"},
	} {
		_, err := get(t, c.options, c.url)
		requireRefused(t, c.part, err)
		require.NotContains(t, err.Error(), "password")
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	var target string
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/again" {
			target = "/again"
		}
		http.Redirect(w, r, r.URL.Query().Get("to")+target, http.StatusFound)
	})
	for to, part := range map[string]string{
		"http://169.254.169.254/latest": "address", "http://[::ffff:10.0.0.1]/": "address", "file:///etc/passwd": "scheme", "http://u:p@127.0.0.1/": "user",
	} {
		_, err := get(t, loopback(), url+"/?to="+to)
		requireRefused(t, part, err)
	}
	hops := 0
	loop := serve(t, func(w http.ResponseWriter, r *http.Request) {
		hops++
		http.Redirect(w, r, "/", http.StatusFound)
	})
	_, err := get(t, loopback(), loop)
	requireRefused(t, "redirects", err)
	require.Equal(t, 6, hops, "the first and five more")
	o := loopback()
	o.Redirects = -1
	_, err = get(t, o, loop)
	requireRefused(t, "redirects", err)
	require.Equal(t, 7, hops)
}

func TestNoCookiesAndNoCredentialsForOthers(t *testing.T) {
	t.Parallel()
	var seen http.Header
	other := serve(t, func(_ http.ResponseWriter, r *http.Request) { seen = r.Header })
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
		// The same server by another name is another host.
		http.Redirect(w, r, strings.Replace(other, "127.0.0.1", "localhost", 1), http.StatusFound)
	})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer secret")
	request.Header.Set("Cookie", "c=d")
	response, err := egress.NewClient(loopback()).Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.NotNil(t, seen)
	require.Empty(t, seen.Get("Authorization"))
	require.Empty(t, seen.Get("Cookie"))
}

func TestBodies(t *testing.T) {
	t.Parallel()
	o := loopback()
	o.MaxBody = 1000
	for _, size := range []int{0, 999, 1000, 1001, 100_000} {
		for _, declared := range []bool{true, false} {
			url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				if !declared {
					w.(http.Flusher).Flush() // so that the length is not known before
				}
				_, _ = io.WriteString(w, strings.Repeat("a", size))
			})
			body, err := get(t, o, url)
			require.LessOrEqual(t, len(body), 1000)
			if size > 1000 {
				requireRefused(t, "body", err)
				continue
			}
			require.NoError(t, err)
			require.Len(t, body, size)
		}
	}
}

func TestTime(t *testing.T) {
	t.Parallel()
	stop := make(chan struct{})
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		<-stop
	})
	t.Cleanup(func() { close(stop) })
	o := loopback()
	o.Timeout = 50 * time.Millisecond
	_, err := get(t, o, url)
	var timeout net.Error
	require.ErrorAs(t, err, &timeout)
	require.True(t, timeout.Timeout())
}

// lying is a resolver that answers every name with an address of the public internet at first and another from then on.
func lying(t *testing.T, first, then [4]byte) *net.Resolver {
	t.Helper()
	conn, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		buffer, answer := make([]byte, 1500), first
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buffer[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			m.Response, m.Additionals = true, nil
			if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
				m.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class}, Body: &dnsmessage.AResource{A: answer},
				}}
				answer = then
			}
			if reply, err := m.Pack(); err == nil {
				_, _ = conn.WriteTo(reply, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// A name is judged by the address that is connected to, each time.
func TestANameThatResolvesElsewhereTheSecondTime(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "reached") })
	_, port, err := net.SplitHostPort(strings.TrimPrefix(url, "http://"))
	require.NoError(t, err)
	o := loopback()
	o.Resolver = lying(t, [4]byte{127, 0, 0, 1}, [4]byte{127, 0, 0, 2})
	client := egress.NewClient(o)
	fetch := func() error {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://calendar.example.com.:"+port, http.NoBody)
		require.NoError(t, err)
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		return response.Body.Close()
	}
	require.NoError(t, fetch(), "127.0.0.1 is allowed here")
	requireRefused(t, "address", fetch())
}
