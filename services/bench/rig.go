package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/meridian/stack"
)

// rig is everything that is measured, started.
type rig struct {
	cfg       settings
	folder    string
	stack     *stack.Stack
	token     string
	directory *grpc.ClientConn
	conns     []*grpc.ClientConn
	workspace string
	threads   []string
	// limit is a pool of as many connections as there are clients, for the program without Meridian around it.
	limit *pgxpool.Pool
}

func newRig(ctx context.Context, cfg settings) (r *rig, err error) {
	r = &rig{cfg: cfg}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	if r.folder, err = os.MkdirTemp("", "meridian-bench-"); err != nil {
		return r, err
	}
	r.stack, err = stack.Start(ctx, stack.Config{
		HTTPAddr: "127.0.0.1:0", GRPCAddr: "127.0.0.1:0", NATSAddr: "127.0.0.1:0", Workspace: "Bench",
		OwnerEmail: "owner@example.com", OwnerName: "Owner", EventHost: "bench.example.com", Data: r.folder, Unlimited: true,
	})
	if err != nil {
		return r, err
	}
	if r.token, err = r.stack.OwnerToken(); err != nil {
		return r, err
	}
	if r.directory, err = dial(r.stack.GRPCAddr()); err != nil {
		return r, err
	}
	for range 4 {
		conn, err := dial(r.stack.Threads().Server.Addr())
		if err != nil {
			return r, err
		}
		r.conns = append(r.conns, conn)
	}
	if err := r.seed(ctx); err != nil {
		return r, err
	}
	err = r.prepareLimit(ctx)
	return r, err
}

func dial(addr string) (*grpc.ClientConn, error) {
	return grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
}

// signedIn is a context with a fresh access token, which a service checks by itself.
func (r *rig) signedIn(ctx context.Context) (context.Context, error) {
	exchanged, err := directoryv1.NewTokenServiceClient(r.directory).ExchangeToken(ctx, &directoryv1.ExchangeTokenRequest{Token: r.token})
	if err != nil {
		return nil, fmt.Errorf("exchange the token: %w", err)
	}
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+exchanged.GetAccessToken()), nil
}

// seed makes a space and the threads that are posted to.
func (r *rig) seed(ctx context.Context) error {
	ctx, err := r.signedIn(ctx)
	if err != nil {
		return err
	}
	listed, err := directoryv1.NewWorkspaceServiceClient(r.directory).ListWorkspaces(ctx, &directoryv1.ListWorkspacesRequest{})
	if err != nil {
		return err
	}
	r.workspace = listed.GetWorkspaces()[0].GetName()
	space, err := directoryv1.NewSpaceServiceClient(r.directory).CreateSpace(ctx, &directoryv1.CreateSpaceRequest{
		Parent: r.workspace, Space: &directoryv1.Space{DisplayName: "Bench", Visibility: directoryv1.Space_OPEN},
	})
	if err != nil {
		return err
	}
	r.threads = make([]string, r.cfg.Threads)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.cfg.Clients)
	for i := range r.threads {
		group.Go(func() error {
			thread, err := threadsv1.NewThreadServiceClient(r.conns[i%len(r.conns)]).CreateThread(ctx, &threadsv1.CreateThreadRequest{
				Parent: r.workspace, Thread: &threadsv1.Thread{Space: space.GetName(), Title: fmt.Sprintf("Thread %d", i)},
			})
			r.threads[i] = thread.GetName()
			return err
		})
	}
	return group.Wait()
}

// prepareLimit makes the tables of the limit: the same rows with nothing around them.
func (r *rig) prepareLimit(ctx context.Context) error {
	config, err := pgxpool.ParseConfig(r.stack.DatabaseURL())
	if err != nil {
		return err
	}
	config.MinConns, config.MaxConns = int32(r.cfg.Clients), int32(r.cfg.Clients)
	if r.limit, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return err
	}
	_, err = r.limit.Exec(ctx, strings.ReplaceAll(`
		CREATE SCHEMA bench;
		CREATE TABLE bench.threads (workspace uuid, id int, last_sequence bigint NOT NULL, PRIMARY KEY (workspace, id)) WITH (fillfactor = 60);
		CREATE TABLE bench.messages (workspace uuid, thread int, sequence bigint, author uuid NOT NULL, body text NOT NULL,
			create_time timestamptz NOT NULL, PRIMARY KEY (workspace, thread, sequence));
		CREATE TABLE bench.outbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, aggregate text NOT NULL, payload bytea NOT NULL);
		INSERT INTO bench.threads SELECT '00000000-0000-7000-8000-000000000001', i, 0 FROM generate_series(0, {n} - 1) i;
		ANALYZE bench.threads;`, "{n}", fmt.Sprint(r.cfg.Threads)))
	return err
}

func (r *rig) close() error {
	var errs []error
	if r.limit != nil {
		r.limit.Close()
	}
	for _, conn := range append(r.conns, r.directory) {
		if conn != nil {
			errs = append(errs, conn.Close())
		}
	}
	if r.stack != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		errs = append(errs, r.stack.Stop(ctx))
	}
	if r.folder != "" {
		errs = append(errs, os.RemoveAll(r.folder))
	}
	return errors.Join(errs...)
}
