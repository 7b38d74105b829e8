package rpc

import (
	"context"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/resname"
)

// The names of this service, and those of the directory that it refers to.
var (
	spacePattern   = resname.MustPattern("workspaces/{workspace}/spaces/{space}")
	memberPattern  = resname.MustPattern("workspaces/{workspace}/members/{member}")
	threadPattern  = resname.MustPattern("workspaces/{workspace}/threads/{thread}")
	teamPattern    = resname.MustPattern("workspaces/{workspace}/teams/{team}")
	askPattern     = resname.MustPattern("workspaces/{workspace}/asks/{ask}")
	messagePattern = resname.MustPattern("workspaces/{workspace}/threads/{thread}/messages/{sequence}")
)

// within reads the second id of a name of two, in the workspace. The interceptor has checked the workspace of the
// name that the request is about; in any other field it must be the same.
func within(pattern *resname.Pattern, field, name string, ws uuid.UUID) (uuid.UUID, error) {
	ids, err := pattern.ParseUUIDs(field, name)
	if err != nil {
		return uuid.Nil, err
	}
	if ids[0] != ws {
		return uuid.Nil, fault.InvalidField(field, "must be of the same workspace")
	}
	return ids[1], nil
}

// threadID reads the name of the thread that a request is about.
func threadID(field, name string) (uuid.UUID, error) {
	ids, err := threadPattern.ParseUUIDs(field, name)
	if err != nil {
		return uuid.Nil, err
	}
	return ids[1], nil
}

// messageID reads a message's name: its thread and sequence.
func messageID(field, name string) (thread uuid.UUID, sequence int64, err error) {
	parts, err := messagePattern.Parse(field, name)
	if err != nil {
		return uuid.Nil, 0, err
	}
	if thread, err = resname.UUID(field, parts[1]); err != nil {
		return uuid.Nil, 0, err
	}
	if sequence, err = strconv.ParseInt(parts[2], 10, 64); err != nil {
		return uuid.Nil, 0, fault.InvalidField(field, "must end with a sequence")
	}
	return thread, sequence, nil
}

// replyTo reads the name of the message that a new one answers, which must be in the same thread; empty is 0.
func replyTo(name string, thread uuid.UUID) (int64, error) {
	const field = "message.reply_to"
	if name == "" {
		return 0, nil
	}
	in, sequence, err := messageID(field, name)
	if err != nil {
		return 0, err
	}
	if in != thread {
		return 0, fault.InvalidField(field, "must be a message of the same thread")
	}
	return sequence, nil
}

// threadOf is the name of the thread in a message's name.
func threadOf(message string) string {
	thread, _, _ := strings.Cut(message, "/messages/")
	return thread
}

// callingMember is the member who calls, for who says "me".
func callingMember(ctx context.Context) (uuid.UUID, error) {
	caller, err := auth.Require(ctx)
	return caller.Member, err
}
