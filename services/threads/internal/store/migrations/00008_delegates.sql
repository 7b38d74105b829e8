-- +goose Up
-- Who acts for one who is asked, as it was when their due time was computed; NULL for nobody.
ALTER TABLE ask_recipients ADD COLUMN delegate_id uuid;
CREATE INDEX ask_recipients_delegate ON ask_recipients (workspace_id, ask_id, delegate_id) WHERE delegate_id IS NOT NULL;
