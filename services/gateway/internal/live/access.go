package live

import (
	"errors"

	"buf.build/go/protovalidate"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/resname"
	gatewayv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/gateway/v1"
)

var workspaceName = resname.MustPattern("workspaces/{workspace}")

// authorize checks a request against its caller in the order of refusals that every method keeps, and returns what
// it asks for. Over gRPC the server has done so before; over HTTP nobody has.
func authorize(caller auth.Caller, request *gatewayv1.WatchEventsRequest) (filter, error) {
	ids, err := workspaceName.ParseUUIDs("parent", request.GetParent())
	if err != nil {
		return filter{}, err
	}
	if ids[0] != caller.Workspace {
		return filter{}, fault.NotFoundName(request.GetParent())
	}
	if !caller.HasScope(auth.ScopeEventsRead) {
		return filter{}, fault.New(fault.Denied, fault.ReasonScopeMissing, "the token does not carry the scope %s",
			auth.ScopeEventsRead).With("scope", auth.ScopeEventsRead)
	}
	if err := validate(request); err != nil {
		return filter{}, err
	}
	return newFilter(ids[0], request.GetTypes(), request.GetSpaces())
}

func validate(request *gatewayv1.WatchEventsRequest) error {
	err := protovalidate.Validate(request)
	invalid, ok := errors.AsType[*protovalidate.ValidationError](err)
	if !ok || len(invalid.Violations) == 0 {
		return err
	}
	var refusal *fault.Error
	for _, violation := range invalid.Violations {
		path, rule := protovalidate.FieldPathString(violation.Proto.GetField()), violation.Proto.GetMessage()
		if refusal == nil {
			refusal = fault.InvalidField(path, rule)
			continue
		}
		refusal = refusal.WithField(path, rule)
	}
	return refusal
}
