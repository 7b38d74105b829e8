// Command thirdparty prints the .proto files that Meridian's protos import from the descriptors inside the
// pinned Go modules, so that the text and the Go types never drift apart. It writes below the folder given as
// its only argument and removes what stood there.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	_ "buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"github.com/jhump/protoreflect/v2/protoprint"
	_ "google.golang.org/genproto/googleapis/api/annotations"
	_ "google.golang.org/genproto/googleapis/api/httpbody"
	_ "google.golang.org/genproto/googleapis/rpc/status"
	_ "google.golang.org/genproto/googleapis/type/date"
	_ "google.golang.org/genproto/googleapis/type/dayofweek"
	_ "google.golang.org/genproto/googleapis/type/timeofday"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

var files = []string{
	"buf/validate/validate.proto",
	"google/api/annotations.proto",
	"google/api/field_behavior.proto",
	"google/api/field_info.proto",
	"google/api/http.proto",
	"google/api/httpbody.proto",
	"google/api/resource.proto",
	"google/rpc/status.proto",
	"google/type/date.proto",
	"google/type/dayofweek.proto",
	"google/type/timeofday.proto",
}

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "thirdparty:", err)
		os.Exit(1)
	}
}

func run(out string) error {
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	for _, path := range files {
		fd, err := protoregistry.GlobalFiles.FindFileByPath(path)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if err := print(out, fd); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

func print(out string, fd protoreflect.FileDescriptor) error {
	name := filepath.Join(out, fd.Path())
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	defer file.Close()
	printer := protoprint.Printer{Compact: true}
	if err := printer.PrintProtoFile(fd, file); err != nil {
		return err
	}
	return file.Close()
}
