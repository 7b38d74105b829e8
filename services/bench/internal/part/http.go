package part

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/services/bench/internal/figure"
	"github.com/meridianhq/meridian/services/bench/internal/load"
)

// HTTP measures posting as JSON through the gateway, as a web client does, against posting over gRPC.
func (b *Bench) HTTP(ctx context.Context) (figure.Part, error) {
	const plain, through = "ours, gRPC to the service", "ours, JSON through the gateway"
	sides, err := b.turns(ctx,
		b.sideOf(plain, b.posts(b.cfg.Clients, b.cfg.Threads)),
		b.sideOf(through, b.jsonPosts(b.cfg.Clients, b.cfg.Threads)),
	)
	part := figure.Part{
		Name: "http", Sides: sides,
		About: fmt.Sprintf("POST …/messages with an API token, %d clients with a connection each, %d threads", b.cfg.Clients, b.cfg.Threads),
	}
	if err != nil {
		return part, err
	}
	part.Rows = []figure.Row{
		figure.Against("as JSON through the gateway", "a second", part.Side(through), part.Side(plain), figure.Rate, figure.AtLeast, 0.6, 0.8),
	}
	return part, nil
}

// jsonPosts is posts through the gateway.
func (b *Bench) jsonPosts(clients, threads int) closed {
	c := b.posts(clients, threads)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients, MaxConnsPerHost: clients}}
	c.prepare = func(context.Context) (load.Call, error) {
		return func(ctx context.Context, n int, random *rand.Rand) error {
			body, err := json.Marshal(map[string]string{"body": b.bodies.Draw(random)})
			if err != nil {
				return err
			}
			address := fmt.Sprintf("http://%s/v1/%s/messages?requestId=%s", b.world.At.HTTP, b.threads[random.IntN(threads)], uuid.NewString())
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
			if err != nil {
				return err
			}
			request.Header.Set("Authorization", "Bearer "+b.people.Members[n].APIToken)
			request.Header.Set("Content-Type", "application/json")
			return send(client, request)
		}, nil
	}
	return c
}

// send sends a request and reads its answer to the end, so that the connection can be used again.
func send(client *http.Client, request *http.Request) error {
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(response.Body)
	if closing := response.Body.Close(); err == nil {
		err = closing
	}
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s", request.Method, response.Status, text)
	}
	return err
}
