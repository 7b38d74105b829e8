// Package edge decides who may pass the gateway and how often.
//
// It knows every method from its descriptor, signs callers in (API tokens by exchange, access tokens by
// verification), and counts what principals, workspaces and unknown addresses use. It promises that no token stands
// in a log or an error, that an unknown caller cannot make it ask the directory without limit, and that its memory
// is bounded whatever is sent to it.
package edge
