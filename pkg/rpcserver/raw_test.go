package rpcserver_test

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// raw speaks gRPC by hand over HTTP/2, to send what a good client never does.
type raw struct {
	client *http.Client
	addr   string
}

func dialRaw(t *testing.T, addr string) *raw {
	t.Helper()
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols}
	t.Cleanup(transport.CloseIdleConnections)
	return &raw{client: &http.Client{Transport: transport}, addr: addr}
}

// call sends an empty message with the timeout header as given. On a busy machine the transport's own timer of a short
// timeout can be first and reset the stream, which says nothing of the server: then it is sent again.
func (r *raw) call(t *testing.T, method, token, timeout string) *status.Status {
	t.Helper()
	var resp *http.Response
	for try := 1; resp == nil; try++ {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+r.addr+method,
			bytes.NewReader(make([]byte, 5)))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/grpc")
		req.Header.Set("TE", "trailers")
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Grpc-Timeout", timeout)
		resp, err = r.client.Do(req)
		if err != nil && try < 1000 && strings.Contains(err.Error(), "CANCEL; received from peer") {
			continue
		}
		require.NoError(t, err)
	}
	defer func() { require.NoError(t, resp.Body.Close()) }()
	_, err := io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)

	from := resp.Trailer
	if from.Get("Grpc-Status") == "" {
		from = resp.Header
	}
	code, err := strconv.Atoi(from.Get("Grpc-Status"))
	require.NoError(t, err)
	if details := from.Get("Grpc-Status-Details-Bin"); details != "" {
		wire, err := base64.RawStdEncoding.DecodeString(details)
		require.NoError(t, err)
		var s spb.Status
		require.NoError(t, proto.Unmarshal(wire, &s))
		return status.FromProto(&s)
	}
	return status.New(codes.Code(code), from.Get("Grpc-Message"))
}
