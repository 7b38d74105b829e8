// Package eventbus is the contract of docs/events.md in code: the CloudEvents envelope, the stream EVENTS, and the
// router that consumes from it.
//
// It promises that everything about an event but its payload comes from the event option of its proto message and
// from the context it happens in; that a message which does not keep the contract is never handed to a handler;
// and that every event a consumer asked for ends in one of two places, handled or in the dead letters with its
// payload and the reason, however often the broker, the database or the process goes away in between.
//
// # Handling together
//
// Round trips and commits are what an event costs, so a handler of OnMany gets what has arrived together, of one
// workspace, and makes its effect in one transaction with the statements of one event. A transaction that the handlers
// of single events joined unseen would need no handler changed, but it would still take their round trips one after
// the other, lock their rows in the order in which events come (others lock by key, and would wait in a circle), and
// stand open while one of them calls another service. So a handler says that it takes many, and does.
//
// That the tables are those of handling one by one rests on four things. The effect is all or nothing, and the inbox rows
// of all events commit with it: what of a batch was handled before is left out, what dies before the commit has
// left nothing, and what dies after it comes again and is left out. A batch that fails for whatever reason, its time
// being over included, has done nothing or all, and each of its events is then handled alone, where retries, dead letters
// and outages are what they always are; so one bad event costs its neighbours one vain attempt, and no second one, for what
// was delivered before is never in a batch. A batch holds the events of an aggregate in their order and without a gap, and
// until it is done nobody takes later ones. Hooks run after the commit, because they are the transaction's.
package eventbus
