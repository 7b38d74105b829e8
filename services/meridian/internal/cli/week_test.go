package cli_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestATeamsNextDaysAreDrawn(t *testing.T) {
	t.Parallel()
	team := workspace + "/teams/018f2b5e-0000-7000-8000-000000000002"
	member := workspace + "/members/018f2b5e-0000-7000-8000-00000000000"
	g := newGateway(t, map[string]string{
		"GET /v1/" + workspace + "/teams":               `{"teams":[{"name":"` + team + `","handle":"crew"}]}`,
		"GET /v1/" + workspace + "/members":             `{"members":[{"name":"` + member + `2","displayName":"Jo"}]}`,
		"GET /v1/" + workspace + "/members/me":          `{"name":"` + member + `1"}`,
		"POST /v1/" + workspace + ":resolveExpectation": `{"expectations":[{"timeZone":"Asia/Kolkata"}]}`,
		"GET /v1/" + team + "/outlook": `{"timeZone":"Europe/Lisbon","days":[{"date":{"year":2026,"month":12,"day":7},` +
			`"startTime":"2026-12-07T00:00:00Z","endTime":"2026-12-08T00:00:00Z"}],"rows":[{"member":"` + member + `1","displayName":"Eve\u001b[2J",` +
			`"timeZone":"UTC","delegate":"` + member + `2","intervals":[{"startTime":"2026-12-07T00:00:00Z","endTime":"2026-12-08T00:00:00Z","kind":"WORKING"}]}]}`,
	})
	r := g.run(t, "availability", "week", "@crew")
	require.Zero(t, r.code, r.err)
	require.Contains(t, r.out, "Eve\ufffd[2J              UTC, Jo acts for them\n")
	require.Contains(t, r.out, "\nMon 2026-12-07       00  02")
	require.Contains(t, g.requests, "GET /v1/"+team+"/outlook?days=14")

	require.Zero(t, g.run(t, "availability", "week", team, "--from", "2026-12-07", "--zone", "America/Chicago", "--days", "2").code)
	require.Contains(t, g.requests, "GET /v1/"+team+"/outlook?days=2&startTime=2026-12-07T06%3A00%3A00Z&timeZone=America%2FChicago")
	r = g.run(t, "availability", "week", team, "--from", "2026-12-07", "--json")
	require.Zero(t, r.code, r.err)
	require.Contains(t, r.out, `"timeZone": "Europe/Lisbon"`)
	require.Contains(t, g.requests, "GET /v1/"+team+"/outlook?days=14&startTime=2026-12-06T18%3A30%3A00Z&timeZone=Asia%2FKolkata")

	for flag, bad := range map[string][]string{
		"--from": {"--from", "tomorrow"},
		"--zone": {"--from", "2026-12-07", "--zone", "Europe/Atlantis"},
	} {
		r = g.run(t, append([]string{"availability", "week", team}, bad...)...)
		require.NotZero(t, r.code)
		require.Contains(t, r.err, flag+" must be")
	}
}

func TestAllRequestsForTimeOffAreListed(t *testing.T) {
	t.Parallel()
	g := newGateway(t, map[string]string{
		"GET /v1/" + workspace + "/members": `{}`,
		"GET /v1/" + workspace + "/timeOffRequests": `{"timeOffs":[{"name":"` + workspace + `/members/018f2b5e-0000-7000-8000-000000000002/timeOffs/x",` +
			`"kind":"SICK"}],"nextPageToken":"more"}`,
	})
	require.Contains(t, g.run(t, "availability", "requests").err, "the server repeats a page")
	require.Contains(t, g.requests, "GET /v1/"+workspace+"/timeOffRequests?pageSize=200&pageToken=more")
}
