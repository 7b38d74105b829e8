package rpcserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
)

// call is what is noted of one call on its way.
type call struct {
	fullMethod string
	began      time.Time
	caller     auth.Caller
	// known says whether the caller is.
	known bool
	// passed says that the call went through to the handler of unknown methods, whose statuses stay as they are.
	passed bool
}

// panicked is what a handler panicked with. It is logged and told as INTERNAL.
type panicked struct {
	value any
	stack []byte
}

// Error returns what the panic said, without the stack.
func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// unary takes a unary call through everything. The stages are plain calls, one below the other, because their order
// is the promise of this package.
func (s *Server) unary(
	ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler,
) (resp any, err error) {
	if isInternal(info.FullMethod) {
		return handler(ctx, req)
	}
	c := &call{fullMethod: info.FullMethod, began: s.deps.Machine.Now()}
	cancel := func() {}
	defer func() {
		if p := recover(); p != nil {
			err = &panicked{value: p, stack: debug.Stack()}
		}
		if err = s.finish(ctx, c, err); err != nil {
			resp = nil
		}
		cancel()
	}()
	m, msg, err := s.lookUp(info.FullMethod, req)
	if err != nil {
		return nil, err
	}
	ctx, c.caller, err = s.authenticate(ctx, m)
	if err != nil {
		return nil, err
	}
	c.known = !m.public
	res, err := m.authorise(c.caller, msg.ProtoReflect())
	if err != nil {
		return nil, err
	}
	if ctx, cancel, err = s.deadline(ctx, true); err != nil {
		return nil, err
	}
	if err := m.validate(msg); err != nil {
		return nil, err
	}
	if ctx, err = m.identify(ctx, c.caller, res, msg); err != nil {
		return nil, err
	}
	return s.work(ctx, workspaceOf(c.caller, res), func() (any, error) { return handler(ctx, req) })
}

// work lets the handler run when there is room for a call of the workspace.
func (s *Server) work(ctx context.Context, workspace uuid.UUID, handler func() (any, error)) (any, error) {
	if err := s.gate.Enter(ctx, workspace); err != nil {
		return nil, err
	}
	defer s.gate.Leave(workspace)
	return handler()
}

// lookUp returns what is known of a method and the request as a message.
func (s *Server) lookUp(fullMethod string, req any) (*method, proto.Message, error) {
	m, ok := s.methods[fullMethod]
	if !ok {
		return nil, nil, status.Error(codes.Unimplemented, "")
	}
	msg, ok := req.(proto.Message)
	if !ok {
		return nil, nil, fmt.Errorf("%s was handed a %T, which is no message", fullMethod, req)
	}
	return m, msg, nil
}

// stream takes a streaming call through the same. What depends on the request is decided when it has come, before
// the handler sees it. There is no replay of streams. The context of a registered method ends when the server
// drains; a call that is passed through is waited for.
func (s *Server) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	if isInternal(info.FullMethod) {
		return handler(srv, ss)
	}
	ctx := ss.Context()
	c := &call{fullMethod: info.FullMethod, began: s.deps.Machine.Now()}
	cancel := func() {}
	defer func() {
		if p := recover(); p != nil {
			err = &panicked{value: p, stack: debug.Stack()}
		}
		err = s.finish(ctx, c, err)
		cancel()
	}()
	m, ok := s.methods[info.FullMethod]
	if !ok {
		c.passed = true
		return handler(srv, ss)
	}
	if ctx, c.caller, err = s.authenticate(ctx, m); err != nil {
		return err
	}
	c.known = !m.public
	if ctx, cancel, err = s.deadline(ctx, false); err != nil {
		return err
	}
	ctx, cancel = s.untilDrain(ctx, cancel)
	return handler(srv, &admitted{ServerStream: ss, ctx: ctx, method: m, caller: c.caller})
}

// untilDrain returns a context that also ends when the server drains, and what lets go of it and its parent.
func (s *Server) untilDrain(ctx context.Context, parent context.CancelFunc) (context.Context, context.CancelFunc) {
	ctx, end := context.WithCancelCause(ctx)
	forget := context.AfterFunc(s.draining, func() { end(errDraining) })
	return ctx, func() {
		forget()
		end(nil)
		parent()
	}
}

// admitted is a stream whose every request is checked as it comes.
type admitted struct {
	grpc.ServerStream
	ctx    context.Context //nolint:containedctx // grpc.ServerStream hands its context out by a method
	method *method
	caller auth.Caller
}

// Context returns the stream's context with the caller in it.
func (a *admitted) Context() context.Context { return a.ctx }

// RecvMsg receives the next request and refuses one that the caller may not make.
func (a *admitted) RecvMsg(into any) error {
	if err := a.ServerStream.RecvMsg(into); err != nil {
		return err
	}
	msg, ok := into.(proto.Message)
	if !ok {
		return fmt.Errorf("%s was handed a %T, which is no message", a.method.name, into)
	}
	if _, err := a.method.authorise(a.caller, msg.ProtoReflect()); err != nil {
		return err
	}
	return a.method.validate(msg)
}

// finish renders the error and writes the call's line.
func (s *Server) finish(ctx context.Context, c *call, err error) error {
	st, isStatus := status.FromError(err)
	if !c.passed || !isStatus {
		st = StatusOf(ctx, s.cfg.Service, err)
	}
	code := st.Code()
	level := levelOf(st)
	if !s.deps.Log.Enabled(ctx, level) {
		return st.Err()
	}
	attrs := make([]slog.Attr, 0, 6)
	attrs = append(attrs,
		slog.String("method", c.fullMethod),
		slog.String("code", code.String()),
		slog.Duration("duration", s.deps.Machine.Now().Sub(c.began)),
	)
	if c.known {
		attrs = append(attrs, slog.String("principal", c.caller.Principal()))
	}
	if code != codes.OK {
		attrs = append(attrs, slog.String("reason", reasonOf(st)))
	}
	// The error's own text may quote the request, so only that of our own faults is written.
	if level > slog.LevelInfo {
		attrs = append(attrs, slog.Any("error", err))
		var p *panicked
		if errors.As(err, &p) {
			attrs = append(attrs, slog.String("stack", string(p.stack)))
		}
	}
	s.deps.Log.LogAttrs(ctx, level, "call", attrs...)
	return st.Err()
}

// levelOf says how loud a call's line is: our own faults are errors, what may be a limit or an outage warns. A call
// refused for overload does not: there are many of them just then, and metrics count them.
func levelOf(st *status.Status) slog.Level {
	switch st.Code() {
	case codes.Internal, codes.Unknown, codes.DataLoss:
		return slog.LevelError
	case codes.ResourceExhausted:
		if reasonOf(st) == fault.ReasonOverloaded {
			return slog.LevelInfo
		}
		return slog.LevelWarn
	case codes.Unavailable, codes.DeadlineExceeded:
		return slog.LevelWarn
	default:
		return slog.LevelInfo
	}
}

func reasonOf(st *status.Status) string {
	for _, d := range st.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}
