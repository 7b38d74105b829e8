package backup

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/meridianhq/meridian/pkg/devpg"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/natsd"
	"github.com/meridianhq/meridian/services/meridian/stack"
)

// patience is how long anything may take on a machine that is busy.
const patience = time.Minute

// site is all of Meridian with a database and a broker that stand outside of it, and can be lost.
type site struct {
	t           *testing.T
	folder      string
	credentials natsd.Credentials
	database    *devpg.Server
	broker      *natsd.Server
	natsAddr    string
	running     *stack.Stack
	conn        *grpc.ClientConn
	databases   int
}

func newSite(t *testing.T) *site {
	t.Helper()
	folder, err := os.MkdirTemp("", "meridian-restore-") //nolint:usetesting // the cluster's own user must pass through
	require.NoError(t, err)
	require.NoError(t, os.Chmod(folder, 0o755))
	s := &site{t: t, folder: folder, natsAddr: "127.0.0.1:0"}
	t.Cleanup(func() {
		s.stopDatabase()
		s.stopBroker()
		require.NoError(t, os.RemoveAll(folder))
	})
	s.credentials, err = natsd.LoadCredentials(stack.CredentialsFile(s.data()))
	require.NoError(t, err)
	s.startDatabase()
	s.startBroker()
	return s
}

func (s *site) data() string { return filepath.Join(s.folder, "data") }

// startDatabase starts a new, empty one.
func (s *site) startDatabase() {
	s.t.Helper()
	s.databases++
	var err error
	s.database, err = devpg.Start(s.t.Context(), devpg.Options{
		Dir: filepath.Join(s.folder, fmt.Sprintf("postgres-%d", s.databases)), Database: "meridian", Unsafe: true,
	})
	require.NoError(s.t, err)
}

func (s *site) startBroker() {
	s.t.Helper()
	var err error
	s.broker, err = natsd.Start(s.t.Context(), natsd.Config{Addr: s.natsAddr, StoreDir: s.store(), Credentials: s.credentials})
	require.NoError(s.t, err)
	s.natsAddr = s.broker.URL()[len("nats://"):]
}

func (s *site) store() string { return filepath.Join(s.folder, "nats") }

func (s *site) stopDatabase() {
	if s.database == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(s.t, s.database.Stop(ctx))
	s.database = nil
}

func (s *site) stopBroker() {
	if s.broker == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(s.t, s.broker.Stop(ctx))
	s.broker = nil
}

// start starts the services and the gateway.
func (s *site) start() {
	s.t.Helper()
	const free = "127.0.0.1:0"
	var err error
	s.running, err = stack.Start(s.t.Context(), stack.Config{
		HTTPAddr: free, GRPCAddr: free, NATSAddr: free, NATSURL: s.broker.URL(), DatabaseURL: s.database.URL(), Data: s.data(),
		Unlimited: true, Workspace: "Town", OwnerEmail: "ada@example.com", OwnerName: "Ada", EventHost: "restore.example.com",
	})
	require.NoError(s.t, err)
	s.conn, err = grpc.NewClient(s.running.GRPCAddr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(s.t, err)
}

// stop ends them, however it is with what they need.
func (s *site) stop() {
	s.t.Helper()
	require.NoError(s.t, s.conn.Close())
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_ = s.running.Stop(ctx) // without a database nothing stops well
}

// loseDatabase takes the database from under running services, and starts an empty one.
func (s *site) loseDatabase() {
	s.t.Helper()
	s.stopDatabase()
	s.stop()
	s.startDatabase()
}

// loseBroker takes the broker with all that it holds, and starts an empty one at its address.
func (s *site) loseBroker() {
	s.t.Helper()
	s.stopBroker()
	require.NoError(s.t, os.RemoveAll(s.store()))
	s.startBroker()
}

// as is a context of the bearer of a token.
func (s *site) as(token string) context.Context {
	return metadata.AppendToOutgoingContext(s.t.Context(), "authorization", "Bearer "+token)
}

// config is where the data is, as operators say it.
func (s *site) config() Config {
	return Config{
		DatabaseAdminURL: s.database.URL(), NATSURL: s.broker.URL(), NATSUser: s.credentials.User, NATSPassword: s.credentials.Password,
	}
}

func (s *site) restoreConfig() RestoreConfig {
	return RestoreConfig{Config: s.config(), Stream: eventbus.StreamConfig{MaxAge: 48 * time.Hour}, EventHost: "restore.example.com"}
}

// settle waits until everything that was written has had its effects.
func (s *site) settle() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	for range 2 { // what follows from an event is an event of another service
		for _, service := range s.running.Services() {
			require.NoError(s.t, service.Published(ctx))
			for _, consumer := range service.Consumers() {
				require.NoError(s.t, consumer.Idle(ctx))
			}
		}
	}
}
