package domain

import (
	"regexp"
	"slices"
	"unicode"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
)

// The limits of reactions.
const (
	// MaxEmoji is how many different reactions a message can have.
	MaxEmoji = 50
	// ShownMembers is how many members a reaction names.
	ShownMembers = 10
	// maxEmojiBytes bounds one emoji: the longest joined ones are well below.
	maxEmojiBytes = 64
)

// Reaction is one emoji on a message and who chose it.
type Reaction struct {
	Emoji string
	// Count is how many members reacted so.
	Count int
	// Members are the first of them, at most ShownMembers.
	Members []uuid.UUID
	// ByCaller says whether the member who asks is one of them.
	ByCaller bool
}

var shortcode = regexp.MustCompile(`^:[a-z0-9_+-]{1,60}:$`)

// CheckEmoji refuses what is neither an emoji nor a shortcode such as `:shipit:`.
func CheckEmoji(emoji string) error {
	if len(emoji) <= maxEmojiBytes && (shortcode.MatchString(emoji) || pictorial(emoji)) {
		return nil
	}
	return fault.InvalidField("emoji", "must be one emoji, or a shortcode such as :shipit:")
}

// pictorial tells emoji from text without a table that ages: symbols with their joiners, selectors, tags and keycaps,
// and at least one of them beyond ASCII.
func pictorial(s string) bool {
	beyond := false
	for _, r := range s {
		switch {
		case r == unicode.ReplacementChar || unicode.IsControl(r) || unicode.IsSpace(r):
			return false
		case r >= '0' && r <= '9', r == '#', r == '*', r == '\u200d', unicode.Is(unicode.Variation_Selector, r):
			// Keycaps, joined emoji and presentation.
		case r > unicode.MaxASCII && (unicode.IsSymbol(r) || unicode.IsMark(r) || r >= 0xE0020 && r <= 0xE007F || r == '‼' || r == '⁉'):
			beyond = true
		default:
			return false
		}
	}
	return beyond
}

// React adds a member's reaction to a message as that member sees it. One that is there already changes nothing and
// has no event.
func (t *Thread) React(m *Message, by uuid.UUID, emoji string) ([]Event, error) {
	if err := t.takes(m); err != nil {
		return nil, err
	}
	i := slices.IndexFunc(m.Reactions, func(r Reaction) bool { return r.Emoji == emoji })
	if i >= 0 && m.Reactions[i].ByCaller {
		return nil, nil
	}
	if i < 0 {
		if len(m.Reactions) >= MaxEmoji {
			return nil, unmet(ReasonTooManyReactions, preconditionMessage, MessageName(m.Workspace, m.Thread, m.Sequence),
				"the message has 50 different reactions already")
		}
		m.Reactions = append(slices.Clip(m.Reactions), Reaction{Emoji: emoji})
		i = len(m.Reactions) - 1
	}
	r := &m.Reactions[i]
	r.Count++
	r.ByCaller = true
	if len(r.Members) < ShownMembers {
		r.Members = append(slices.Clip(r.Members), by)
	}
	t.Version++
	m.Version = t.Version
	return []Event{ReactionAdded{Thread: *t, Message: *m, Member: by, Emoji: emoji, Count: r.Count}}, nil
}

// Unreact takes a member's reaction back from a message as that member sees it. One that is not there changes nothing
// and has no event. The members shown may then be fewer than there are, until the message is read again.
func (t *Thread) Unreact(m *Message, by uuid.UUID, emoji string) ([]Event, error) {
	if err := t.takes(m); err != nil {
		return nil, err
	}
	i := slices.IndexFunc(m.Reactions, func(r Reaction) bool { return r.Emoji == emoji })
	if i < 0 || !m.Reactions[i].ByCaller {
		return nil, nil
	}
	m.Reactions = slices.Clone(m.Reactions)
	r := &m.Reactions[i]
	r.Count--
	r.ByCaller = false
	r.Members = slices.DeleteFunc(slices.Clone(r.Members), func(id uuid.UUID) bool { return id == by })
	count := r.Count
	if count == 0 {
		m.Reactions = slices.Delete(m.Reactions, i, i+1)
	}
	t.Version++
	m.Version = t.Version
	return []Event{ReactionRemoved{Thread: *t, Message: *m, Member: by, Emoji: emoji, Count: count}}, nil
}
