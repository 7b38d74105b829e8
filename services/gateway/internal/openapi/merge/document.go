package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// object is any JSON object.
type object = map[string]any

// document is as much of OpenAPI 3.1 as the generator writes.
type document struct {
	OpenAPI    string                       `json:"openapi"`
	Info       object                       `json:"info"`
	Servers    []object                     `json:"servers"`
	Security   []object                     `json:"security"`
	Tags       []object                     `json:"tags"`
	TagGroups  []*tagGroup                  `json:"x-tagGroups"`
	Paths      map[string]map[string]object `json:"paths"`
	Components components                   `json:"components"`
}

type tagGroup struct {
	Name string   `json:"name"`
	Tags []string `json:"tags"`
}

type components struct {
	Schemas         map[string]object `json:"schemas"`
	SecuritySchemes object            `json:"securitySchemes"`
	Responses       object            `json:"responses"`
}

const about = `The HTTP side of Meridian: every RPC as JSON, in proto3's own mapping. Names are lowerCamelCase, 64-bit
integers are strings, enums are their words; fields with their default value are written, unset messages are left out.

Sign in with ` + "`Authorization: Bearer <API token>`" + `. Writes take an ` + "`Idempotency-Key`" + ` (a UUID): the same request again under
the same key does nothing and answers with the resource as it now stands. Resources carry an etag, also as the ` + "`ETag`" + `
header; a write with ` + "`If-Match`" + ` fails with 409 when the resource has changed since. Lists are paged by ` + "`pageToken`" + `.

Errors are ` + "`google.rpc.Status`" + ` with an ErrorInfo, whose ` + "`reason`" + ` is stable, and with the wrong fields where there are
any. What the caller may not see is 404. Too many requests are 429 with ` + "`Retry-After`" + `.`

func newDocument() *document {
	return &document{
		OpenAPI:  "3.1.0",
		Info:     object{"title": "Meridian API", "version": "v1", "description": about},
		Servers:  []object{{"url": "/"}},
		Security: []object{{"token": []string{}}},
		Paths:    map[string]map[string]object{},
		Components: components{
			Schemas: map[string]object{},
			SecuritySchemes: object{"token": object{
				"type": "http", "scheme": "bearer",
				"description": "An API token (`mrd_…`), or an access token that one was exchanged for.",
			}},
			Responses: object{"Error": object{
				"description": "Why not. `code` is the gRPC code; the HTTP code follows from it.",
				"content": object{"application/json": object{
					"schema": object{"$ref": "#/components/schemas/google.rpc.Status"},
				}},
			}},
		},
	}
}

// add takes one file's document in, as part of a group of tags. The same path and method twice, or two schemas of
// one name that differ, is an error.
func (d *document) add(part document, group string) error {
	for path, operations := range part.Paths {
		name := readable(path)
		for verb, operation := range operations {
			if d.Paths[name] == nil {
				d.Paths[name] = map[string]object{}
			}
			if _, twice := d.Paths[name][verb]; twice {
				return fmt.Errorf("%s %s is there twice", verb, name)
			}
			if err := improve(operation, name); err != nil {
				return fmt.Errorf("%s %s: %w", verb, path, err)
			}
			d.Paths[name][verb] = operation
		}
	}
	for name, schema := range part.Components.Schemas {
		if old, ok := d.Components.Schemas[name]; ok && fmt.Sprint(old) != fmt.Sprint(schema) {
			return fmt.Errorf("schema %s is there twice and differs", name)
		}
		d.Components.Schemas[name] = schema
	}
	d.Tags = append(d.Tags, part.Tags...)
	for _, tag := range part.Tags {
		d.group(group).Tags = append(d.group(group).Tags, fmt.Sprint(tag["name"]))
	}
	return nil
}

func (d *document) group(name string) *tagGroup {
	i := slices.IndexFunc(d.TagGroups, func(g *tagGroup) bool { return g.Name == name })
	if i < 0 {
		d.TagGroups = append(d.TagGroups, &tagGroup{Name: name})
		i = len(d.TagGroups) - 1
	}
	return d.TagGroups[i]
}

// finish sorts what came in the order of files, and writes what comes over the live stream.
func (d *document) finish() {
	byName := func(a, b object) int { return strings.Compare(fmt.Sprint(a["name"]), fmt.Sprint(b["name"])) }
	slices.SortFunc(d.Tags, byName)
	slices.SortFunc(d.TagGroups, func(a, b *tagGroup) int { return strings.Compare(a.Name, b.Name) })
	for _, group := range d.TagGroups {
		slices.Sort(group.Tags)
	}
	maps.Copy(d.Components.Schemas, map[string]object{"CloudEventJSON": cloudEventJSON()})
	for _, unused := range []string{"CloudEvent", "Heartbeat", "WatchEventsResponse"} {
		delete(d.Components.Schemas, "meridian.gateway.v1."+unused) // they are gRPC's
	}
}
