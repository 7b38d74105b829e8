package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type clockTime struct {
	Now     time.Time
	NextDue *time.Time
	Steps   []time.Time
}

func (p *process) clock(t *testing.T, args ...string) clockTime {
	t.Helper()
	var at clockTime
	mustCLI(t, p.http, p.token(), &at, append([]string{"clock", "--admin", p.admin}, args...)...)
	return at
}

func TestADevelopmentClockStandsStillAndMovesForwardAndOutlivesAKill(t *testing.T) {
	t.Parallel()
	data := dataFolder(t)
	p := upWithDevClock(t, data)
	start := p.clock(t, "show").Now
	require.Equal(t, start, p.clock(t, "show").Now, "it stands still")

	var space struct{ CreateTime time.Time }
	var have workspaces
	getJSON(t, p.http+"/v1/workspaces", p.token(), &have)
	postJSON(t, p.http+"/v1/"+have.Workspaces[0].Name+"/spaces", p.token(), map[string]any{"displayName": "Then", "visibility": "OPEN"}, &space)
	require.True(t, space.CreateTime.Equal(start), "what is made is made at its time")

	require.True(t, p.clock(t, "advance", "36h").Now.Equal(start.Add(36*time.Hour)))
	to := start.Add(72 * time.Hour)
	require.True(t, p.clock(t, "set", to.Format(time.RFC3339)).Now.Equal(to))
	back := cli(t, p.http, p.token(), "clock", "--admin", p.admin, "set", start.Format(time.RFC3339))
	require.NotZero(t, back.code)
	require.Contains(t, back.err, "only forward")

	p.kill()
	p = upWithDevClock(t, data)
	require.True(t, p.clock(t, "show").Now.Equal(to), "where it was left")
	p.stop(t)

	without := launch(t, data)
	<-without.ended
	require.NotZero(t, without.cmd.ProcessState.ExitCode())
	require.Contains(t, without.out.String(), "--dev-clock")
}

func TestAClockThatRunsByItselfIsNotMoved(t *testing.T) {
	t.Parallel()
	p := up(t, dataFolder(t))
	r := cli(t, p.http, p.token(), "clock", "--admin", p.admin, "advance", "1h")
	require.NotZero(t, r.code)
	require.Contains(t, r.err, "--dev-clock")
	p.stop(t)
}
