// Command protoc-gen-events is Meridian's protoc plugin for domain events. From the event options of all files it is
// given it makes, for each package, Go constants, subject builders and the registry beside the messages; one
// AsyncAPI document; and docs/events.md. It refuses an option that does not hold together, so that no other program
// needs to.
//
// It must see all files in one run (buf: `strategy: all`) and writes from the root of the repository (`out: .`).
// Parameters, each with the repository's own place as its default:
//
//	go=proto/gen/go/                        prefix of the Go files; empty: none
//	asyncapi=proto/gen/asyncapi/meridian.yaml   the AsyncAPI document; empty: none
//	docs=docs/events.md                     the catalogue for readers; empty: none
package main

import (
	"flag"
	"fmt"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/types/pluginpb"
)

// places are where the plugin's outputs go.
type places struct{ golang, asyncapi, docs string }

func main() {
	var flags flag.FlagSet
	var out places
	flags.StringVar(&out.golang, "go", "proto/gen/go/", "prefix of the Go files")
	flags.StringVar(&out.asyncapi, "asyncapi", "proto/gen/asyncapi/meridian.yaml", "the AsyncAPI document")
	flags.StringVar(&out.docs, "docs", "docs/events.md", "the catalogue")
	protogen.Options{ParamFunc: flags.Set}.Run(func(plugin *protogen.Plugin) error {
		plugin.SupportedFeatures = uint64(pluginpb.CodeGeneratorResponse_FEATURE_PROTO3_OPTIONAL)
		return generate(plugin, out)
	})
}

// generate makes every output, or none and the list of what is wrong.
func generate(plugin *protogen.Plugin, out places) error {
	catalogue, err := collect(plugin)
	if err != nil {
		return err
	}
	if out.golang != "" {
		for _, group := range catalogue.groups {
			writeGo(plugin, out.golang, group)
		}
	}
	if out.asyncapi != "" {
		text, err := asyncAPI(catalogue)
		if err != nil {
			return fmt.Errorf("AsyncAPI document: %w", err)
		}
		if _, err := plugin.NewGeneratedFile(out.asyncapi, "").Write(text); err != nil {
			return fmt.Errorf("AsyncAPI document: %w", err)
		}
	}
	if out.docs != "" {
		if _, err := plugin.NewGeneratedFile(out.docs, "").Write(markdown(catalogue)); err != nil {
			return fmt.Errorf("catalogue: %w", err)
		}
	}
	return nil
}
