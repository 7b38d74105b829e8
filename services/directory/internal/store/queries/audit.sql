-- name: InsertAuditEvent :exec
INSERT INTO audit_events (workspace_id, audit_id, create_time, actor, action, resource, api_token, origin, details)
VALUES (@workspace_id, @audit_id, @create_time, @actor, @action, @resource, @api_token, @origin, @details);
