// Package resource writes threads, messages and asks as the resources of the API, for answers and for events alike.
//
// It promises that an event shows a thing exactly as a Get would, but for what only a caller can see, and for what of an
// ask of very many is too much for an event (package wire).
package resource

import (
	"strconv"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/etag"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// Thread is the resource of a thread.
func Thread(t domain.Thread) *threadsv1.Thread {
	return &threadsv1.Thread{
		Name: domain.ThreadName(t.Workspace, t.ID), Uid: t.ID.String(), Space: domain.SpaceName(t.Workspace, t.Space),
		Title: t.Title, Type: threadsv1.Thread_Type(threadsv1.Thread_Type_value[string(t.Type)]), State: State(t.State),
		Creator: domain.MemberName(t.Workspace, t.Creator), Outcome: t.Outcome,
		Resolver: domain.MemberName(t.Workspace, t.Resolver), ResolveTime: Time(t.ResolveTime),
		ReopenOnMessage: t.ReopenOnMessage, LastSequence: t.LastSequence, Etag: etag.Of(t.Revision), Version: t.Version,
		CreateTime: Time(t.CreateTime), UpdateTime: Time(t.UpdateTime), ActivityTime: Time(t.ActivityTime),
		Imported: t.Imported,
	}
}

// State is the API's word of a state.
func State(s domain.ThreadState) threadsv1.Thread_State {
	return threadsv1.Thread_State(threadsv1.Thread_State_value[string(s)])
}

// Message is the resource of a message.
func Message(m domain.Message) *threadsv1.Message {
	out := &threadsv1.Message{
		Name: domain.MessageName(m.Workspace, m.Thread, m.Sequence), Uid: m.ID.String(), Sequence: m.Sequence,
		Author: domain.MemberName(m.Workspace, m.Author), Body: m.Body,
		ReplyTo: domain.MessageName(m.Workspace, m.Thread, m.ReplyTo), Reactions: reactions(m),
		Mentions: Mentions(m.Workspace, m.Mentions), State: threadsv1.Message_POSTED, RevisionCount: int32(m.RevisionCount()),
		Etag: etag.Of(m.Revision), Version: m.Version, CreateTime: Time(m.CreateTime),
		UpdateTime: Time(m.UpdateTime), DeleteTime: Time(m.DeleteTime), Imported: m.Imported,
		ExternalId: m.ExternalID, Urgency: Urgency(m.Urgency), UrgentReason: m.UrgentReason, Asks: Asks(m.Asks),
	}
	if m.Deleted() {
		out.State = threadsv1.Message_DELETED
	}
	if m.UTCOffset != nil {
		out.UtcOffset = durationpb.New(*m.UTCOffset)
	}
	return out
}

func reactions(m domain.Message) []*threadsv1.Reaction {
	var out []*threadsv1.Reaction
	for _, r := range m.Reactions {
		reaction := &threadsv1.Reaction{Emoji: r.Emoji, Count: int32(r.Count), ReactedByMe: r.ByCaller}
		for _, member := range r.Members {
			reaction.Members = append(reaction.Members, domain.MemberName(m.Workspace, member))
		}
		out = append(out, reaction)
	}
	return out
}

// Mentions are the resource names of who is mentioned.
func Mentions(ws uuid.UUID, all []domain.Mention) []string {
	var out []string
	for _, mention := range all {
		out = append(out, mention.Name(ws))
	}
	return out
}

// ReadState is the resource of a member's read state.
func ReadState(r domain.ReadState) *threadsv1.ReadState {
	return &threadsv1.ReadState{
		Name: domain.ReadStateName(r.Workspace, r.Thread), Thread: domain.ThreadName(r.Workspace, r.Thread),
		ThreadTitle: r.Title, Space: domain.SpaceName(r.Workspace, r.Space), LastSequence: r.LastSequence,
		LastReadSequence: r.LastRead, UnreadCount: r.Unread(), Followed: r.Followed, Muted: r.Muted, Version: r.Version,
		UpdateTime: Time(r.UpdateTime), OwnSequence: r.OwnSequence,
	}
}

// Revision is the resource of a body that the message of that name has had.
func Revision(message string, r domain.Revision) *threadsv1.MessageRevision {
	return &threadsv1.MessageRevision{
		Name: message + "/revisions/" + strconv.FormatInt(r.Number, 10), Body: r.Body,
		CreateTime: Time(r.CreateTime), Current: r.Current,
	}
}

// Time is a time of the API: nil for the zero time, which is none.
func Time(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
