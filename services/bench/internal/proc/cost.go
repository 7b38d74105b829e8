// Package proc starts the roles of the benchmark as processes of their own and reads what each has cost.
//
// It promises that a role ends with the process that started it, and that the time of a process counts with that of all
// it started, those that have ended among them. It reads /proc, so it works on Linux alone.
package proc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of times in /proc/PID/stat: USER_HZ is 100 on every Linux.
const tick = 10 * time.Millisecond

// stat is what is read of /proc/PID/stat.
type stat struct {
	pid, parent int
	// own is the process's CPU time, ended that of the children it has waited for.
	own, ended time.Duration
}

// errStat is said of a line that is none of /proc/PID/stat.
var errStat = errors.New("proc: not a line of /proc/PID/stat")

// parseStat reads a line such as "42 (a name) S 1 ...". The name may hold spaces and brackets.
func parseStat(line string) (stat, error) {
	open, end := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
	if open < 1 || end < open {
		return stat{}, errStat
	}
	fields := strings.Fields(line[end+1:])
	const need = 15 // up to cstime, counted from the state
	if len(fields) < need {
		return stat{}, errStat
	}
	numbers := make([]int64, 0, 6)
	for _, text := range append([]string{strings.TrimSpace(line[:open]), fields[1]}, fields[11:need]...) {
		number, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return stat{}, errStat
		}
		numbers = append(numbers, number)
	}
	return stat{
		pid: int(numbers[0]), parent: int(numbers[1]),
		own:   time.Duration(numbers[2]+numbers[3]) * tick,
		ended: time.Duration(numbers[4]+numbers[5]) * tick,
	}, nil
}

// CPU is the processor time that the process has used, and what it has waited for.
func CPU(pid int) (time.Duration, error) {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("proc: %w", err)
	}
	s, err := parseStat(string(line))
	return s.own + s.ended, err
}

// TreeCPU is the processor time of the process and of everything below it.
func TreeCPU(root int) (time.Duration, error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	all := make([]stat, 0, len(files))
	for _, file := range files {
		line, err := os.ReadFile(file) //nolint:gosec // a file of /proc
		if err != nil {
			continue // it has ended, and its parent counts it
		}
		s, err := parseStat(string(line))
		if err != nil {
			return 0, fmt.Errorf("%w: %s", err, file)
		}
		all = append(all, s)
	}
	total, found := below(all, root)
	if !found {
		return 0, fmt.Errorf("proc: there is no process %d", root)
	}
	return total, nil
}

// below sums the process and all that hang on it.
func below(all []stat, root int) (total time.Duration, found bool) {
	children := map[int][]stat{}
	for _, s := range all {
		children[s.parent] = append(children[s.parent], s)
		if s.pid == root {
			total, found = s.own+s.ended, true
		}
	}
	for todo := []int{root}; len(todo) > 0; todo = todo[1:] {
		for _, child := range children[todo[0]] {
			total += child.own + child.ended
			todo = append(todo, child.pid)
		}
	}
	return total, found
}

// Memory is how much of a process stands in memory, in bytes, and the most that did since ForgetPeak.
func Memory(pid int) (resident, peak int64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, fmt.Errorf("proc: %w", err)
	}
	if resident, err = kilobytes(string(text), "VmRSS:"); err != nil {
		return 0, 0, err
	}
	peak, err = kilobytes(string(text), "VmHWM:")
	return resident, peak, err
}

// kilobytes reads a line such as "VmRSS:	   1234 kB" as bytes.
func kilobytes(status, name string) (int64, error) {
	for line := range strings.Lines(status) {
		value, ok := strings.CutPrefix(line, name)
		if !ok {
			continue
		}
		number, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
		return number << 10, err
	}
	return 0, fmt.Errorf("proc: no %s in /proc/PID/status", name)
}

// ForgetPeak starts the peak of Memory anew.
func ForgetPeak(pid int) error {
	const peak = "5"
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte(peak), 0o600)
}
