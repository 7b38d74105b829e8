package rpc

import (
	"context"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/resname"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/threads/internal/app"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
	"github.com/meridianhq/meridian/services/threads/internal/resource"
)

// The page sizes of a search.
const (
	defaultResults = 20
	maxResults     = 100
)

// Search implements threadsv1.SearchServiceServer.
type Search struct {
	threadsv1.UnimplementedSearchServiceServer
	app *app.App
}

// NewSearch makes the service over its use cases.
func NewSearch(a *app.App) *Search { return &Search{app: a} }

// SearchMessages implements threadsv1.SearchServiceServer.
func (s *Search) SearchMessages(ctx context.Context, req *threadsv1.SearchMessagesRequest) (*threadsv1.SearchMessagesResponse, error) {
	ws, err := resname.Workspace("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	query, fingerprint, err := searchQuery(req)
	if err != nil {
		return nil, err
	}
	found, err := s.app.Search(ctx, query)
	if err != nil {
		return nil, err
	}
	resp := &threadsv1.SearchMessagesResponse{NextPageToken: page.Next(fingerprint, found.Next)}
	for _, hit := range found.Items {
		result := &threadsv1.MessageSearchResult{
			Thread: domain.ThreadName(ws, hit.Thread), ThreadTitle: hit.Title, Space: domain.SpaceName(ws, hit.Space),
		}
		if hit.Message != nil {
			result.Message = resource.Message(*hit.Message)
		}
		for _, part := range hit.Snippet {
			result.Snippet = append(result.Snippet, &threadsv1.SnippetPart{Text: part.Text, Match: part.Match})
		}
		resp.Results = append(resp.Results, result)
	}
	return resp, nil
}

func searchQuery(req *threadsv1.SearchMessagesRequest) (q app.SearchQuery, fingerprint string, err error) {
	fingerprint = page.Fingerprint(req)
	q.Words = req.GetQuery()
	if q.Page.Size, err = page.Size(req.GetPageSize(), defaultResults, maxResults); err != nil {
		return q, "", err
	}
	if q.Page.After, err = page.After[app.SearchCursor](req.GetPageToken(), fingerprint); err != nil {
		return q, "", err
	}
	filter, err := page.ParseFilter(req.GetFilter(), []page.FieldSpec{
		{Name: "space", Kind: page.Name, Pattern: spacePattern},
		{Name: "thread", Kind: page.Name, Pattern: threadPattern},
		{Name: "author", Kind: page.Name, Pattern: memberPattern},
		{Name: "create_time", Kind: page.Time, Ops: []string{"<", ">="}},
	})
	if err != nil {
		return q, "", err
	}
	if err := searchConditions(&q, filter, req.GetParent()); err != nil {
		return q, "", err
	}
	return q, fingerprint, nil
}

func searchConditions(q *app.SearchQuery, filter page.Filter, parent string) error {
	ws, err := resname.Workspace("parent", parent)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, c := range filter.Conditions {
		if key := c.Field + c.Op; seen[key] {
			return fault.InvalidField("filter", c.Field+" is compared twice in the same way")
		}
		seen[c.Field+c.Op] = true
		switch {
		case c.Field == "space":
			q.Space, err = within(spacePattern, "filter", c.Value, ws)
		case c.Field == "thread":
			q.Thread, err = within(threadPattern, "filter", c.Value, ws)
		case c.Field == "author":
			q.Author, err = within(memberPattern, "filter", c.Value, ws)
		case c.Op == "<":
			q.Before = c.Time()
		default:
			q.Since = c.Time()
		}
		if err != nil {
			return err
		}
	}
	return nil
}
