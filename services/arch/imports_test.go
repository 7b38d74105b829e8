package arch

import (
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/go/packages"
)

const root = "github.com/meridianhq/meridian/"

// room is what the packages of one room may not import. Prefixes are whole path elements; those that begin with
// "./" are rooms of the same service.
type room struct {
	name  string
	never []string
}

var (
	grpcPackages   = []string{"google.golang.org/grpc", "google.golang.org/genproto", "github.com/grpc-ecosystem"}
	protoPackages  = []string{root + "proto", "google.golang.org/protobuf"}
	pgxPackages    = []string{"github.com/jackc/pgx"}
	brokerPackages = []string{"github.com/nats-io"}
)

// rooms is the table of docs/architecture in code: the law of imports within a service.
var rooms = []room{
	{"domain", slices.Concat(grpcPackages, protoPackages, pgxPackages, brokerPackages, []string{
		"./app", "./rpc", "./store", "./wire", "./jobs", root + "pkg/clock", root + "pkg/postgres", root + "pkg/eventbus",
	})},
	{"app", slices.Concat(grpcPackages, protoPackages, pgxPackages, brokerPackages, []string{
		"./rpc", "./store", "./wire", "./jobs", root + "pkg/postgres", root + "pkg/eventbus", root + "pkg/outbox",
	})},
	{"rpc", slices.Concat(pgxPackages, brokerPackages, []string{"./store", "./wire", "./jobs", root + "pkg/postgres"})},
	{"store", slices.Concat(grpcPackages, protoPackages, brokerPackages, []string{"./rpc", "./wire", "./jobs"})},
	{"wire", slices.Concat(pgxPackages, []string{"./rpc", "./store", "./jobs", root + "pkg/postgres"})},
	{"jobs", slices.Concat(grpcPackages, protoPackages, pgxPackages, brokerPackages, []string{"./rpc", "./store", "./wire"})},
}

// testOnly are the packages that only tests may import.
var testOnly = []string{root + "pkg/pgtest", root + "pkg/natstest", root + "pkg/rpctest"}

func load(t *testing.T) []*packages.Package {
	t.Helper()
	loaded, err := packages.Load(&packages.Config{Mode: packages.NeedName | packages.NeedImports, Tests: false},
		root+"proto/...", root+"pkg/...", root+"services/...")
	require.NoError(t, err)
	require.Greater(t, len(loaded), 20, "the whole house must be looked at")
	return loaded
}

func under(pkg, prefix string) bool { return pkg == prefix || strings.HasPrefix(pkg, prefix+"/") }

func TestRoomsImportOnlyWhatTheyMay(t *testing.T) {
	t.Parallel()
	for _, pkg := range load(t) {
		service, inside, ok := strings.Cut(strings.TrimPrefix(pkg.PkgPath, root+"services/"), "/internal/")
		if !ok || !strings.HasPrefix(pkg.PkgPath, root+"services/") {
			continue
		}
		name, _, _ := strings.Cut(inside, "/")
		index := slices.IndexFunc(rooms, func(r room) bool { return r.name == name })
		if index < 0 {
			continue
		}
		for imported := range pkg.Imports {
			for _, banned := range rooms[index].never {
				banned = strings.Replace(banned, "./", root+"services/"+service+"/internal/", 1)
				require.False(t, under(imported, banned), "%s is a %s room and must not import %s", pkg.PkgPath, name, imported)
			}
		}
	}
}

func TestModulesPointOneWay(t *testing.T) {
	t.Parallel()
	for _, pkg := range load(t) {
		for imported := range pkg.Imports {
			if under(pkg.PkgPath, root+"proto") {
				require.False(t, under(imported, root+"pkg") || under(imported, root+"services"), "%s must not import %s", pkg.PkgPath, imported)
			}
			if under(pkg.PkgPath, root+"pkg") {
				require.False(t, under(imported, root+"services"), "%s must not import %s", pkg.PkgPath, imported)
			}
		}
	}
}

// users may import the services themselves: the one binary, the stories and the benchmark.
var users = []string{"meridian", "e2e", "bench", "arch"}

func TestServicesAreKeptApart(t *testing.T) {
	t.Parallel()
	for _, pkg := range load(t) {
		rest, ok := strings.CutPrefix(pkg.PkgPath, root+"services/")
		if !ok {
			continue
		}
		own, _, _ := strings.Cut(rest, "/")
		if slices.Contains(users, own) {
			continue
		}
		for imported := range pkg.Imports {
			other, ok := strings.CutPrefix(imported, root+"services/")
			if ok {
				require.True(t, under(other, own), "%s must not import another service: %s", pkg.PkgPath, imported)
			}
		}
	}
}

func TestTestPackagesStayInTests(t *testing.T) {
	t.Parallel()
	for _, pkg := range load(t) {
		if slices.Contains(testOnly, pkg.PkgPath) || strings.HasSuffix(path.Base(pkg.PkgPath), "test") {
			continue
		}
		for imported := range pkg.Imports {
			require.False(t, slices.ContainsFunc(testOnly, func(p string) bool { return under(imported, p) }),
				"%s is not a test and must not import %s", pkg.PkgPath, imported)
		}
	}
}

func TestNoPackageIsNamedForNothing(t *testing.T) {
	t.Parallel()
	for _, pkg := range load(t) {
		require.NotContains(t, []string{"common", "util", "utils", "helpers", "types", "misc"}, path.Base(pkg.PkgPath))
	}
}
