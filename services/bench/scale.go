package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/services/bench/internal/figure"
	"github.com/meridianhq/meridian/services/bench/internal/scale"
)

// scaleCmd measures what one read costs as everything else grows.
type scaleCmd struct {
	Sizes  []string      `default:"10k,1M,5M" help:"Numbers of messages, the smallest first."`
	Folder string        `default:".meridian-bench" help:"Where the filled worlds are kept, to be used again." placeholder:"FOLDER"`
	Rounds int           `default:"3" help:"Rounds of each read in each world, in turns."`
	Time   time.Duration `default:"2s" help:"How long one read of one round is repeated."`
	JSON   string        `name:"json" default:"bin/bench-scale.json" help:"Where the result goes as JSON." placeholder:"FILE"`
}

// Run fills what is not filled yet, measures, prints the report and writes the result.
func (c *scaleCmd) Run(ctx context.Context) error {
	cfg := scale.Settings{Folder: c.Folder, Rounds: c.Rounds, Time: c.Time, Progress: os.Stderr}
	for _, text := range c.Sizes {
		size, err := scale.ParseSize(text)
		if err != nil {
			return err
		}
		cfg.Sizes = append(cfg.Sizes, size)
	}
	result := figure.Result{Time: clock.Machine().Now(), Machine: machine(), Settings: map[string]string{
		"rounds": fmt.Sprint(c.Rounds), "time": c.Time.String(), "sizes": strings.Join(c.Sizes, ","),
	}}
	measured, err := scale.Measure(ctx, cfg)
	if err != nil {
		return err
	}
	result.Parts = []figure.Part{measured}
	if _, err := os.Stdout.WriteString(measured.Report() + figure.Table(result.Parts)); err != nil {
		return err
	}
	return result.Save(c.JSON)
}
