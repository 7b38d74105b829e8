package fault

// The reasons that every service may answer with. The enum meridian.options.v1.ErrorReason documents them to
// clients and a test keeps the two the same; services add their own in their error.proto.
const (
	// ReasonFieldInvalid: a field of the request breaks its rule; the field violations name it.
	ReasonFieldInvalid = "FIELD_INVALID"
	// ReasonResourceNotFound: the resource is not there, or the caller may not see it. Metadata: name.
	ReasonResourceNotFound = "RESOURCE_NOT_FOUND"
	// ReasonPermissionDenied: the caller sees the resource and may not do this to it.
	ReasonPermissionDenied = "PERMISSION_DENIED"
	// ReasonScopeMissing: the caller's token does not carry the scope. Metadata: scope.
	ReasonScopeMissing = "SCOPE_MISSING"
	// ReasonUnauthenticated: there is no token, or it is not one of ours.
	ReasonUnauthenticated = "UNAUTHENTICATED"
	// ReasonTokenExpired: the token was ours and its time is over.
	ReasonTokenExpired = "TOKEN_EXPIRED"
	// ReasonTokenRevoked: the token was taken back, or its member's role or state has changed since.
	ReasonTokenRevoked = "TOKEN_REVOKED"
	// ReasonEtagStale: the resource has changed since the etag was read.
	ReasonEtagStale = "ETAG_STALE"
	// ReasonRequestIDReused: the request_id was used before with another request.
	ReasonRequestIDReused = "REQUEST_ID_REUSED"
	// ReasonAlreadyExists: there is such a resource already. Metadata: name, where the caller may know it.
	ReasonAlreadyExists = "ALREADY_EXISTS"
	// ReasonPageTokenInvalid: the page token is not ours, or belongs to a list with other arguments.
	ReasonPageTokenInvalid = "PAGE_TOKEN_INVALID"
	// ReasonFilterInvalid: the filter does not parse or names what cannot be filtered. Metadata: position.
	ReasonFilterInvalid = "FILTER_INVALID"
	// ReasonOrderByInvalid: order_by does not parse or names what cannot be ordered by.
	ReasonOrderByInvalid = "ORDER_BY_INVALID"
	// ReasonResumeTokenInvalid: the resume token is not ours, or belongs to another stream or filter.
	ReasonResumeTokenInvalid = "RESUME_TOKEN_INVALID"
	// ReasonResumeTokenTooOld: the events after the resume token are no longer kept.
	ReasonResumeTokenTooOld = "RESUME_TOKEN_TOO_OLD"
	// ReasonRateLimited: too many calls; the retry delay says when to come back.
	ReasonRateLimited = "RATE_LIMITED"
	// ReasonTooLarge: the request or what it would make is larger than allowed.
	ReasonTooLarge = "TOO_LARGE"
	// ReasonUnavailable: something that the call needs is down for the moment.
	ReasonUnavailable = "UNAVAILABLE"
	// ReasonDeadlineTooShort: the caller's deadline leaves no time to do it.
	ReasonDeadlineTooShort = "DEADLINE_TOO_SHORT"
	// ReasonInternal: a fault of ours; the log knows more under the trace id.
	ReasonInternal = "INTERNAL"
	// ReasonOverloaded: the server has as much to do as it can; the retry delay says when to come back.
	ReasonOverloaded = "OVERLOADED"
)
