package bare

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/bench/internal/job"
)

// RoleServer is a gRPC server around the one statement, with its own relay to JetStream.
const RoleServer = "bare"

// poolSize is as many connections as the clients of most sides.
const poolSize = 32

// Serve plays RoleServer; its answer is its address.
func Serve(ctx context.Context, cfg job.Config) (any, func(context.Context) error, error) {
	db, err := open(ctx, cfg.DatabaseURL)
	if err != nil {
		return nil, nil, err
	}
	relay, err := newRelay(ctx, db, cfg.Broker, "bench.outbox")
	if err != nil {
		return nil, nil, err
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	relaying, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- relay.run(relaying) }()
	server := grpc.NewServer()
	threadsv1.RegisterMessageServiceServer(server, &messages{db: db, committed: relay.wake})
	go func() { _ = server.Serve(listener) }() // it ends with Stop
	return listener.Addr().String(), func(context.Context) error {
		server.Stop()
		stop()
		err := <-ended
		relay.close()
		db.Close()
		return err
	}, nil
}

func open(ctx context.Context, url string) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("the database's URL is not readable")
	}
	config.MinConns, config.MaxConns = poolSize, poolSize
	return pgxpool.NewWithConfig(ctx, config)
}

// messages is the message service with nothing around its statements.
type messages struct {
	threadsv1.UnimplementedMessageServiceServer

	db        *pgxpool.Pool
	committed func()
}

// CreateMessage runs the one statement.
func (m *messages) CreateMessage(ctx context.Context, r *threadsv1.CreateMessageRequest) (*threadsv1.Message, error) {
	thread, err := number(r.GetParent())
	if err != nil {
		return nil, err
	}
	var sequence int64
	err = m.db.QueryRow(ctx, statement, uuid.MustParse(Workspace), thread, uuid.MustParse(Workspace), r.GetMessage().GetBody(), eventBytes()).Scan(&sequence)
	if err != nil {
		return nil, err
	}
	m.committed()
	return &threadsv1.Message{
		Name: r.GetParent() + "/messages/" + strconv.FormatInt(sequence, 10), Sequence: sequence, Body: r.GetMessage().GetBody(),
	}, nil
}

// GetMessage answers without the database: an echo.
func (m *messages) GetMessage(_ context.Context, r *threadsv1.GetMessageRequest) (*threadsv1.Message, error) {
	return &threadsv1.Message{Name: r.GetName(), Body: r.GetName()}, nil
}

// ListMessages reads the newest messages of a thread.
func (m *messages) ListMessages(ctx context.Context, r *threadsv1.ListMessagesRequest) (*threadsv1.ListMessagesResponse, error) {
	thread, err := number(r.GetParent())
	if err != nil {
		return nil, err
	}
	rows, err := m.db.Query(ctx, `SELECT sequence, author::text, body, create_time FROM bench.messages
		WHERE workspace = $1 AND thread = $2 ORDER BY sequence DESC LIMIT $3`, uuid.MustParse(Workspace), thread, r.GetPageSize())
	if err != nil {
		return nil, err
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*threadsv1.Message, error) {
		message := &threadsv1.Message{}
		var at time.Time
		err := row.Scan(&message.Sequence, &message.Author, &message.Body, &at)
		message.Name, message.CreateTime = r.GetParent()+"/messages/"+strconv.FormatInt(message.GetSequence(), 10), timestamppb.New(at)
		return message, err
	})
	return &threadsv1.ListMessagesResponse{Messages: found}, err
}

// number is the thread's, at the end of its name.
func number(thread string) (int, error) {
	n, err := strconv.Atoi(thread[strings.LastIndexByte(thread, '/')+1:])
	if err != nil {
		return 0, fmt.Errorf("%s is no thread of the limits", thread)
	}
	return n, nil
}
