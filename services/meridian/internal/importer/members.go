package importer

import (
	"context"
	"slices"
	"strings"
	"unicode"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

const (
	// perCall is how many members or messages one call carries at most.
	perCall  = 100
	maxNames = 200
)

// members makes sure that every sender is a member and returns their names by sender. A sender the directory refuses
// has none; their messages are broken.
func (i *Importer) members(ctx context.Context, index *archiveIndex) ([]string, error) {
	known, err := i.knownAddresses(ctx)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(index.senders))
	done := 0
	i.config.Progress(Joining, 0, int64(len(index.senders)))
	for chunk := range slices.Chunk(index.senders, perCall) {
		members, err := i.importMembers(ctx, chunk)
		if err != nil {
			return nil, err
		}
		for n, member := range members {
			names[done+n] = member.GetName()
			if member != nil && !known[chunk[n].email] {
				i.report.MembersCreated = append(i.report.MembersCreated, chunk[n].email)
			}
		}
		done += len(chunk)
		i.config.Progress(Joining, int64(done), int64(len(index.senders)))
	}
	return names, nil
}

func (i *Importer) knownAddresses(ctx context.Context) (map[string]bool, error) {
	known := map[string]bool{}
	request := &directoryv1.ListMembersRequest{Parent: i.config.Workspace, PageSize: 1000}
	for {
		page, err := i.config.Members.ListMembers(ctx, request)
		if err != nil {
			return nil, err
		}
		for _, m := range page.GetMembers() {
			known[strings.ToLower(m.GetEmail())] = true
		}
		request.PageToken = page.GetNextPageToken()
		if request.GetPageToken() == "" {
			return known, nil
		}
	}
}

// importMembers returns a member for each sender, nil for one that is refused: a call is all or nothing, so a refused
// one is halved until only the sender at fault is left out.
func (i *Importer) importMembers(ctx context.Context, senders []sender) ([]*directoryv1.Member, error) {
	request := &directoryv1.ImportMembersRequest{Parent: i.config.Workspace}
	for _, s := range senders {
		request.Members = append(request.Members, &directoryv1.ImportedMember{Email: s.email, DisplayName: oneLine(s.name(), maxNames)})
	}
	request.RequestId = requestID(request)
	response, err := i.config.Members.ImportMembers(ctx, request)
	if err == nil {
		if len(response.GetMembers()) != len(senders) {
			return nil, status.Errorf(codes.Internal, "%d members came back for %d addresses", len(response.GetMembers()), len(senders))
		}
		return response.GetMembers(), nil
	}
	if !refused(err) {
		return nil, err
	}
	if len(senders) == 1 {
		return []*directoryv1.Member{nil}, nil
	}
	half := len(senders) / 2
	first, err := i.importMembers(ctx, senders[:half])
	if err != nil {
		return nil, err
	}
	second, err := i.importMembers(ctx, senders[half:])
	return append(first, second...), err
}

// refused says that an error is about what was sent, so that less of it may pass.
func refused(err error) bool {
	code := status.Code(err)
	return code == codes.InvalidArgument || code == codes.FailedPrecondition
}

// oneLine takes what cannot be shown out of a title or name and cuts it to that many characters.
func oneLine(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > limit {
		s = strings.TrimSpace(string(runes[:limit-1])) + "…"
	}
	return s
}
