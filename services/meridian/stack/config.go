package stack

import (
	"log/slog"

	"github.com/meridianhq/meridian/pkg/clock"
)

// Config says where the stack listens and keeps its data. Ports 0 take free ones.
type Config struct {
	HTTPAddr  string `name:"http-addr" env:"MERIDIAN_HTTP_ADDR" default:"127.0.0.1:8080" help:"Address of the gateway's HTTP: REST, live events, the API page."`
	GRPCAddr  string `name:"grpc-addr" env:"MERIDIAN_GRPC_ADDR" default:"127.0.0.1:9090" help:"Address of the gateway's gRPC."`
	NATSAddr  string `name:"nats-addr" env:"MERIDIAN_NATS_ADDR" default:"127.0.0.1:4222" help:"Address of the broker, for integrators."`
	AdminAddr string `name:"admin-addr" env:"MERIDIAN_ADMIN_ADDR" default:"127.0.0.1:9091" help:"Address of /livez, /readyz, /metrics, profiles and /SERVICE/deadletters, for operators only. Empty: none."`

	DatabaseURL string `name:"database-url" env:"MERIDIAN_DATABASE_URL" help:"Postgres, as a role that may make roles and schemas. Empty: a private cluster in the data folder." placeholder:"URL"`

	Workspace  string `name:"workspace" env:"MERIDIAN_WORKSPACE" default:"Meridian" help:"Display name of the workspace that the first start makes."`
	OwnerEmail string `name:"owner-email" env:"MERIDIAN_OWNER_EMAIL" default:"owner@meridian.localhost" help:"Mail address of its owner."`
	OwnerName  string `name:"owner-name" env:"MERIDIAN_OWNER_NAME" default:"Owner" help:"Display name of its owner."`
	Reflection bool   `name:"reflection" env:"MERIDIAN_REFLECTION" default:"true" negatable:"" help:"Offer gRPC reflection at the gateway."`
	EventHost  string `name:"event-host" env:"MERIDIAN_EVENT_HOST" default:"meridian.localhost" help:"Host in the source of events: //HOST/workspaces/..."`

	MailURL   string `name:"mail-url" env:"MERIDIAN_MAIL_URL" help:"Where mail goes: smtp://user:password@host:587, smtps://…, or file:///folder. Empty: files in the data folder." placeholder:"URL"`
	MailFrom  string `name:"mail-from" env:"MERIDIAN_MAIL_FROM" default:"Meridian <meridian@meridian.localhost>" help:"Whom mail is from."`
	PublicURL string `name:"public-url" env:"MERIDIAN_PUBLIC_URL" help:"What links in mail begin with, such as a client's address; a resource's name follows. Empty: no links." placeholder:"URL"`

	APIURL           string   `name:"api-url" env:"MERIDIAN_API_URL" help:"Where clients reach the gateway's HTTP: URLs of calendar feeds begin with it. Empty: http:// and the address for HTTP." placeholder:"URL"`
	CalendarNetworks []string `name:"calendar-networks" env:"MERIDIAN_CALENDAR_NETWORKS" help:"Networks beside the public internet, such as 10.0.0.0/8, from which members' calendars may be fetched; at any port then. Empty: none."`

	DevClock bool `name:"dev-clock" env:"MERIDIAN_DEV_CLOCK" help:"For trying things out: domain time stands still and is moved by 'meridian clock'. It is kept in the data folder."`

	// Data is the data folder. It is made with mode 0700; as root, whose private Postgres runs as another user, with
	// 0711.
	Data string `kong:"-"`
	// NATSURL is a broker that runs already, with the credentials in the data folder; empty starts one in this process.
	NATSURL string `kong:"-"`
	// Unlimited takes the gateway's rate limits away, for benchmarks.
	Unlimited bool `kong:"-"`
	// Way changes the address at which services reach another, for stories in which one is away; nil for none.
	Way func(service, addr string) string `kong:"-"`
	// Log gets everything; dropped when nil.
	Log *slog.Logger `kong:"-"`
	// Clock is domain time; the system's when nil. DevClock goes before it.
	Clock clock.Clock `kong:"-"`
}

// OwnerTokenFile is the file in the data folder that keeps the token the first start made.
const OwnerTokenFile = "owner.token"
