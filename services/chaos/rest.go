//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

// postREST posts a message as JSON over HTTP. Its errors have the codes that gRPC's would have.
func postREST(ctx context.Context, base, token string, request *threadsv1.CreateMessageRequest) (*threadsv1.Message, error) {
	body, err := protojson.Marshal(request.GetMessage())
	if err != nil {
		return nil, err
	}
	where := base + "/v1/" + request.GetParent() + "/messages?" + url.Values{"requestId": {request.GetRequestId()}}.Encode()
	call, err := http.NewRequestWithContext(ctx, http.MethodPost, where, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	call.Header.Set("Content-Type", "application/json")
	call.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(call)
	if err != nil {
		return nil, status.Error(codes.Unavailable, err.Error()) // no answer: who knows what was done
	}
	text, err := io.ReadAll(answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	if answer.StatusCode != http.StatusOK {
		return nil, status.Error(codeOf(answer.StatusCode), fmt.Sprintf("HTTP %d: %s", answer.StatusCode, text))
	}
	made := &threadsv1.Message{}
	if err := protojson.Unmarshal(text, made); err != nil {
		return nil, status.Error(codes.Internal, fmt.Sprintf("an answer that is no message: %v", err))
	}
	return made, nil
}

// codeOf is gRPC's code for a status of HTTP, as a client of REST acts on it.
func codeOf(httpStatus int) codes.Code {
	switch httpStatus {
	case http.StatusServiceUnavailable, http.StatusBadGateway:
		return codes.Unavailable
	case http.StatusGatewayTimeout:
		return codes.DeadlineExceeded
	case http.StatusTooManyRequests:
		return codes.ResourceExhausted
	case 499: // the client went away
		return codes.Canceled
	case http.StatusUnauthorized:
		return codes.Unauthenticated
	case http.StatusForbidden:
		return codes.PermissionDenied
	case http.StatusNotFound:
		return codes.NotFound
	case http.StatusConflict:
		return codes.Aborted
	case http.StatusBadRequest:
		return codes.InvalidArgument
	}
	return codes.Internal
}
