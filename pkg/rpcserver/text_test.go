package rpcserver

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"
)

func planOf(desc protoreflect.MessageDescriptor) *textPlan {
	plans := newTextPlans()
	p := plans.of(desc)
	plans.settle()
	return p
}

// someValue draws a JSON-like value, with U+0000 here and there.
func someValue(t *rapid.T, depth int) any {
	text := rapid.SampledFrom([]string{"", "a", "\x00", "b\x00c", "plain"})
	kinds := 3
	if depth > 0 {
		kinds = 5
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return text.Draw(t, "text")
	case 1:
		return rapid.Float64().Draw(t, "number")
	case 2:
		return nil
	case 3:
		list := make([]any, rapid.IntRange(0, 3).Draw(t, "length"))
		for i := range list {
			list[i] = someValue(t, depth-1)
		}
		return list
	default:
		m := make(map[string]any)
		for range rapid.IntRange(0, 3).Draw(t, "size") {
			m[text.Draw(t, "key")] = someValue(t, depth-1)
		}
		return m
	}
}

// holdsNUL looks the simple way.
func holdsNUL(v any) bool { return strings.Contains(fmt.Sprint(v), "\x00") }

func TestTheWalkFindsExactlyTheMessagesWithNUL(t *testing.T) {
	t.Parallel()
	plan := planOf((&structpb.Value{}).ProtoReflect().Descriptor())
	rapid.Check(t, func(t *rapid.T) {
		v := someValue(t, 4)
		msg, err := structpb.NewValue(v)
		require.NoError(t, err)
		path := plan.findNUL(msg.ProtoReflect())
		require.Equal(t, holdsNUL(v), path != "", "path %q in %v", path, v)
	})
}

func TestTypesWithoutStringsAreNotWalked(t *testing.T) {
	t.Parallel()
	plan := planOf((&timestamppb.Timestamp{}).ProtoReflect().Descriptor())
	require.False(t, plan.texty)
	require.Empty(t, plan.fields)
}

func TestTypesThatContainThemselvesArePlannedOnce(t *testing.T) {
	t.Parallel()
	desc := (&descriptorpb.DescriptorProto{}).ProtoReflect().Descriptor()
	plan := planOf(desc)
	require.True(t, plan.texty)
	deep := &descriptorpb.DescriptorProto{NestedType: []*descriptorpb.DescriptorProto{
		{}, {NestedType: []*descriptorpb.DescriptorProto{{Name: proto.String("a\x00")}}},
	}}
	require.Equal(t, "nested_type[1].nested_type[0].name", plan.findNUL(deep.ProtoReflect()))
	require.Empty(t, plan.findNUL((&descriptorpb.DescriptorProto{}).ProtoReflect()))
}

func TestParentsOfPatterns(t *testing.T) {
	t.Parallel()
	for pattern, parent := range map[string]string{
		"workspaces/{workspace}/threads/{thread}":           "workspaces/{workspace}",
		"workspaces/{workspace}/threads/{thread}/readState": "workspaces/{workspace}/threads/{thread}",
		"workspaces/{workspace}":                            "",
		"x":                                                 "",
	} {
		require.Equal(t, parent, parentPattern(pattern))
	}
}
