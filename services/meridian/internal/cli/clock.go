package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/meridianhq/meridian/services/meridian/stack"
)

// ClockCmd groups the commands about the development clock of a server that runs with --dev-clock.
type ClockCmd struct {
	Admin string `help:"The server's operators' address." env:"MERIDIAN_ADMIN" default:"http://127.0.0.1:9091" placeholder:"URL"`

	Show    ClockShowCmd    `cmd:"" default:"1" help:"Show the domain's time and what is due next."`
	Advance ClockAdvanceCmd `cmd:"" help:"Move it forward by a duration, or to what is due next, stopping at everything due on the way."`
	Set     ClockSetCmd     `cmd:"" help:"Move it forward to an instant, stopping at everything due on the way."`
}

// ClockShowCmd shows the clock.
type ClockShowCmd struct{}

// Run shows the clock.
func (c *ClockShowCmd) Run(ctx context.Context, parent *ClockCmd, client *Client, streams Streams) error {
	return parent.show(client, streams, func() (stack.ClockTime, error) { return readClock(ctx, parent.Admin) })
}

// ClockAdvanceCmd moves the clock by a duration.
type ClockAdvanceCmd struct {
	By time.Duration `arg:"" optional:"" help:"By how much, such as 8h or 90m. Without it: to what is due next."`
}

// Run moves the clock.
func (c *ClockAdvanceCmd) Run(ctx context.Context, parent *ClockCmd, client *Client, streams Streams) error {
	move := map[string]any{"next": true}
	if c.By != 0 {
		move = map[string]any{"by": c.By.String()}
	}
	return parent.show(client, streams, func() (stack.ClockTime, error) { return moveClock(ctx, parent.Admin, move) })
}

// ClockSetCmd moves the clock to an instant.
type ClockSetCmd struct {
	To time.Time `arg:"" help:"The instant, such as 2026-12-01T09:00:00Z." format:"2006-01-02T15:04:05Z07:00"`
}

// Run moves the clock.
func (c *ClockSetCmd) Run(ctx context.Context, parent *ClockCmd, client *Client, streams Streams) error {
	return parent.show(client, streams, func() (stack.ClockTime, error) {
		return moveClock(ctx, parent.Admin, map[string]any{"to": c.To})
	})
}

func (c *ClockCmd) show(client *Client, streams Streams, get func() (stack.ClockTime, error)) error {
	at, err := get()
	if err != nil {
		return err
	}
	out := output{streams: streams, json: client.JSON}
	return out.printValue(at, func(w io.Writer) {
		for _, step := range at.Steps {
			row(w, "stopped", instant(step))
		}
		row(w, "now", instant(at.Now))
		if at.NextDue == nil {
			row(w, "next due", "nothing")
			return
		}
		row(w, "next due", instant(*at.NextDue))
	})
}

// instant shows an instant in UTC and in the reader's own zone.
func instant(t time.Time) string {
	return t.UTC().Format(time.RFC3339) + "  " + t.Local().Format("Mon 2006-01-02 15:04 MST")
}

func readClock(ctx context.Context, admin string) (stack.ClockTime, error) {
	return askClock(ctx, http.MethodGet, admin, nil)
}

func moveClock(ctx context.Context, admin string, move map[string]any) (stack.ClockTime, error) {
	body, err := json.Marshal(move)
	if err != nil {
		return stack.ClockTime{}, err
	}
	return askClock(ctx, http.MethodPost, admin, body)
}

func askClock(ctx context.Context, method, admin string, body []byte) (at stack.ClockTime, err error) {
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(admin, "/")+"/clock", bytes.NewReader(body))
	if err != nil {
		return at, fmt.Errorf("admin: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return at, fmt.Errorf("the operators' address cannot be reached (--admin, MERIDIAN_ADMIN): %w", err)
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	if response.StatusCode == http.StatusNotFound {
		return at, errors.New("the server's clock runs by itself: start it with meridian up --dev-clock")
	}
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return at, err
	}
	if response.StatusCode != http.StatusOK {
		var said struct{ Error string }
		if json.Unmarshal(text, &said) != nil || said.Error == "" {
			said.Error = response.Status
		}
		return at, errors.New(said.Error)
	}
	err = json.Unmarshal(text, &at)
	return at, err
}
