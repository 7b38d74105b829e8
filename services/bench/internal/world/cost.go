package world

import (
	"errors"
	"os"
	"time"

	"github.com/meridianhq/meridian/services/bench/internal/figure"
	"github.com/meridianhq/meridian/services/bench/internal/proc"
)

// Costs is the processor time of each group of processes so far. Kernel threads, such as those that write to the disk, are
// nobody's.
type Costs map[string]time.Duration

// Costs reads what the load, Postgres, the broker and one server, which the figures call by this name, have used.
func (w *World) Costs(name string, server int) (Costs, error) {
	var errs []error
	read := func(cpu time.Duration, err error) time.Duration {
		errs = append(errs, err)
		return cpu
	}
	costs := Costs{
		figure.Load:     read(proc.CPU(os.Getpid())),
		figure.Postgres: read(proc.TreeCPU(w.postgresPID)),
		figure.NATS:     read(proc.CPU(w.broker.PID())),
	}
	if name != "" {
		costs[name] = read(proc.CPU(server))
	}
	return costs, errors.Join(errs...)
}

// Since is what was used between two readings for each of n calls, in milliseconds.
func (c Costs) Since(before Costs, n int) map[string]float64 {
	each := make(map[string]float64, len(c))
	for who, cpu := range c {
		each[who] = figure.Milliseconds(cpu-before[who]) / float64(max(n, 1))
	}
	return each
}
