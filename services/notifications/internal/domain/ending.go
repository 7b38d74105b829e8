package domain

// Ending is why it is no longer right to send what is held. The zero Ending is none.
type Ending struct {
	// Why says it in words.
	Why string
	// Hidden says that the recipient may no longer read what it is about.
	Hidden bool
}

// None says whether it is still right to send.
func (e Ending) None() bool { return e.Why == "" }

// Standing is what the service itself knows of a notification's recipient at the moment of sending.
type Standing struct {
	// MayRead says whether they may read what it is about.
	MayRead bool
	// Active says whether they belong to the workspace.
	Active bool
}

// Over says why nothing of a notification is to be sent any more, by what the service itself knows.
func (n *Notification) Over(st Standing) Ending {
	switch {
	case !st.Active:
		return Ending{Why: "The recipient no longer belongs to the workspace.", Hidden: true}
	case !st.MayRead:
		return Ending{Why: "The recipient may no longer read what it is about.", Hidden: true}
	case n.Reason.Waits() && !n.Waiting:
		return Ending{Why: n.ended()}
	case n.State == Done:
		return Ending{Why: "It was put away."}
	case n.State == Seen:
		return Ending{Why: "It was read in the inbox."}
	}
	return Ending{}
}

// OverAt says why nothing of a notification is to be sent any more, by what the owner of its source says. Woken is for the
// signal at the end of a snooze, which comes although the source was read.
func (n *Notification) OverAt(s SourceState, woken bool) Ending {
	switch {
	case s.Unknown:
		return Ending{}
	case s.Gone:
		return Ending{Why: "It was deleted, or the recipient may no longer read it.", Hidden: true}
	case n.Reason.Waits() && !s.Waiting, n.endsWithSettling() && s.Settled != "":
		return Ending{Why: Wait{Settled: s.Settled}.ended()}
	case s.Read && !woken && n.endsWithReading():
		return Ending{Why: "The recipient has read it already."}
	}
	return Ending{}
}

// endsWithSettling says whether nothing waits for the recipient themselves, and yet the news is worth nothing once the matter is
// settled: the task has another holder, what they asked was answered after its time, or the time off was taken back.
func (n *Notification) endsWithSettling() bool {
	return n.Reason == Assigned || n.Reason == Unanswered || n.Reason == Decided
}

// endsWithReading says whether the recipient knows all there is to know once they have read the source. Who asked has read
// their own question; and who read what waits for them is reminded all the same.
func (n *Notification) endsWithReading() bool {
	switch n.Reason {
	case Reminded, Overdue, Unanswered:
		return false
	case Answered, Declined:
		return isMessage(n.Source)
	case Asked, Offered, Assigned, Mentioned, Accepted, Returned, Approving, Decided:
	}
	return true
}

func (w Wait) ended() string {
	n := Notification{SettledReason: w.Settled}
	return n.ended()
}

// Refresh takes over the words that the source has now, where the notification shows those of the source.
func (n *Notification) Refresh(s SourceState) {
	if s.Unknown || s.Gone {
		return
	}
	if s.Title != "" {
		n.Title = s.Title
	}
	if s.Excerpt != "" && n.quotesSource() {
		n.Excerpt = s.Excerpt
	}
}

// quotesSource says whether the excerpt is the beginning of the source's own text.
func (n *Notification) quotesSource() bool {
	switch n.Reason {
	case Mentioned, Asked:
		return true
	case Reminded, Overdue:
		return isAsk(n.Source)
	case Answered:
		return isMessage(n.Source)
	case Offered, Assigned, Declined, Accepted, Returned, Unanswered, Approving, Decided:
	}
	return false
}
