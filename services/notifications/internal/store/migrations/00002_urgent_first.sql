-- +goose Up
-- URGENT is claimed by a worker of its own, so that nothing which is held stands before it.
ALTER TABLE deliveries ADD COLUMN urgency smallint NOT NULL DEFAULT 2 CHECK (urgency BETWEEN 1 AND 4);
UPDATE deliveries d SET urgency = n.urgency FROM notifications n
WHERE n.workspace_id = d.workspace_id AND n.notification_id = d.notification_id;
ALTER TABLE deliveries ALTER COLUMN urgency DROP DEFAULT;

DROP INDEX deliveries_due;
CREATE INDEX deliveries_due ON deliveries (deliver_time)
    WHERE state = 'PENDING' AND decide_at IS NULL AND decision IN ('NOW', 'DEFERRED') AND urgency <> 4;
CREATE INDEX deliveries_urgent ON deliveries (deliver_time)
    WHERE state = 'PENDING' AND decide_at IS NULL AND decision IN ('NOW', 'DEFERRED') AND urgency = 4;
