// Package rest serves every RPC that has an HTTP rule as JSON over HTTP.
//
// JSON is proto3's own mapping: lowerCamelCase names, 64-bit integers as strings, enums as their words. Fields
// with their default value are written too (`[]`, `0`, `""`, `false`), so that a client never meets a missing list
// or number; unset messages, optional fields and oneofs are left out. Errors are google.rpc.Status with its details.
//
// It promises that a body is read only after its sender has signed in and never beyond the limit, that what a
// client spells wrong (a field, a query parameter, UTF-8) is refused and named instead of ignored, and that
// nothing a client sends reaches a service as metadata but what is meant to.
package rest
