package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

// SearchCmd searches messages.
type SearchCmd struct {
	Query  []string `arg:"" help:"Words to find, \"an exact phrase\", or, -without (put -- before the words then)."`
	Space  string   `short:"s" help:"Only in this space (name, id or display name)."`
	Author string   `short:"a" help:"Only by this member (name, id, address, handle or me)."`
	Limit  int      `help:"How many at most; 0 for all." default:"20"`
}

// Run searches.
func (c *SearchCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	filter, err := c.filter(ctx, s)
	if err != nil {
		return err
	}
	results, err := pages(c.Limit, func(token string, size int32) ([]*threadsv1.MessageSearchResult, string, error) {
		page, err := s.search.SearchMessages(ctx, &threadsv1.SearchMessagesRequest{
			Parent: s.workspace, Query: strings.Join(c.Query, " "), Filter: filter, PageSize: min(size, 50), PageToken: token,
		})
		return page.GetResults(), page.GetNextPageToken(), err
	})
	if err != nil {
		return err
	}
	if s.json {
		return s.print(&threadsv1.SearchMessagesResponse{Results: results}, nil)
	}
	names, err := s.memberNames(ctx)
	if err != nil {
		return err
	}
	for _, r := range results {
		m := r.GetMessage()
		_, err := fmt.Fprintf(s.streams.Out, "%s  %s\n  %s, %s: %s\n\n", id(r.GetThread())+"/"+id(m.GetName()), cell1(r.GetThreadTitle()),
			cell1(nameOf(names, m.GetAuthor())), when(m.GetCreateTime()), snippet(s.streams.Out, r.GetSnippet()))
		if err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(s.streams.Out, "%d found\n", len(results))
	return err
}

func (c *SearchCmd) filter(ctx context.Context, s *session) (string, error) {
	var filters []string
	if c.Space != "" {
		space, err := s.space(ctx, c.Space)
		if err != nil {
			return "", err
		}
		filters = append(filters, "space = "+quoted(space))
	}
	if c.Author != "" {
		author, err := s.member(ctx, c.Author)
		if err != nil {
			return "", err
		}
		filters = append(filters, "author = "+quoted(author))
	}
	return strings.Join(filters, " AND "), nil
}

// snippet shows what was found, bold on a terminal.
func snippet(w io.Writer, parts []*threadsv1.SnippetPart) string {
	var b strings.Builder
	for _, part := range parts {
		text := strings.NewReplacer("\n", " ", "\t", " ").Replace(safe(part.GetText()))
		if part.GetMatch() && isTerminal(w) {
			text = "\x1b[1m" + text + "\x1b[0m"
		}
		b.WriteString(text)
	}
	return b.String()
}
