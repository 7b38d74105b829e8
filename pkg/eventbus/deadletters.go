package eventbus

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/postgres"
)

// listLimit is the most dead letters one list returns.
const listLimit = 500

// ReasonConsumerUnknown is the fault's reason when a dead letter's consumer is not one of this service's.
const ReasonConsumerUnknown = "CONSUMER_UNKNOWN"

// DeadLetters is what an operator does with the events a service's consumers gave up on.
type DeadLetters struct {
	letters *letterbox
	routers map[string]*Router
}

// NewDeadLetters serves the dead letters in the service's schema; db is the owner's. Letters of the given routers
// can be re-driven.
func NewDeadLetters(db *postgres.DB, routers ...*Router) *DeadLetters {
	d := &DeadLetters{letters: &letterbox{db: db}, routers: map[string]*Router{}}
	for _, r := range routers {
		d.routers[r.cfg.Durable] = r
	}
	return d
}

// List returns the dead letters after the given id, oldest first, at most limit and never over 500, without their
// payloads.
func (d *DeadLetters) List(ctx context.Context, after uuid.UUID, limit int) ([]DeadLetter, error) {
	if limit <= 0 || limit > listLimit {
		limit = listLimit
	}
	return d.letters.list(ctx, after, limit)
}

// Count is how many dead letters there are of each consumer that has any.
func (d *DeadLetters) Count(ctx context.Context) (map[string]int64, error) {
	return d.letters.count(ctx)
}

// Redrive runs the handler on the stored copy and removes the letter when it succeeds; otherwise it keeps the
// letter with the new reason and returns the fault. Run twice, also at the same time, it has one effect: the
// handler's inbox row is the same as at the event's delivery.
func (d *DeadLetters) Redrive(ctx context.Context, id uuid.UUID) error {
	letter, err := d.letters.read(ctx, id)
	if err != nil {
		return err
	}
	router, ok := d.routers[letter.Consumer]
	if !ok {
		return fault.New(fault.Precondition, ReasonConsumerUnknown, "consumer %s is not one of this service's",
			letter.Consumer)
	}
	if err := router.handle(ctx, &nats.Msg{Header: letter.Headers, Subject: letter.Subject, Data: letter.Payload}, letter.Stream); err != nil {
		if noted := d.letters.failedAgain(ctx, id, err); noted != nil {
			router.cfg.Log.ErrorContext(ctx, "re-drive's failure not noted", "letter", id, "error", noted)
		}
		return err
	}
	return d.letters.remove(ctx, id)
}

// ServeHTTP answers on the admin port: GET /deadletters (?after=<id>&limit=<n>) lists, POST
// /deadletters/{id}/redrive re-drives.
func (d *DeadLetters) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /deadletters", d.serveList)
	mux.HandleFunc("POST /deadletters/{id}/redrive", d.serveRedrive)
	mux.ServeHTTP(w, req)
}

func (d *DeadLetters) serveList(w http.ResponseWriter, req *http.Request) {
	var after uuid.UUID
	var limit int
	var err error
	if text := req.FormValue("after"); text != "" {
		if after, err = uuid.Parse(text); err != nil {
			answer(w, http.StatusBadRequest, map[string]string{"error": "after is no UUID"})
			return
		}
	}
	if text := req.FormValue("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil {
			answer(w, http.StatusBadRequest, map[string]string{"error": "limit is no number"})
			return
		}
	}
	letters, err := d.List(req.Context(), after, limit)
	if err != nil {
		answerFault(w, err)
		return
	}
	answer(w, http.StatusOK, map[string]any{"dead_letters": append([]DeadLetter{}, letters...)})
}

func (d *DeadLetters) serveRedrive(w http.ResponseWriter, req *http.Request) {
	id, err := uuid.Parse(req.PathValue("id"))
	if err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"error": "the id is no UUID"})
		return
	}
	if err := d.Redrive(req.Context(), id); err != nil {
		answerFault(w, err)
		return
	}
	answer(w, http.StatusOK, map[string]string{"redriven": id.String()})
}

func answerFault(w http.ResponseWriter, err error) {
	why := fault.From(err)
	status := http.StatusInternalServerError
	switch why.Kind { //nolint:exhaustive // Only these two are the operator's own to mend.
	case fault.NotFound:
		status = http.StatusNotFound
	case fault.Precondition:
		status = http.StatusConflict
	}
	answer(w, status, map[string]string{"reason": why.Reason, "error": why.Error()})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// A client that went away is no concern of ours.
	_ = json.NewEncoder(w).Encode(body)
}
