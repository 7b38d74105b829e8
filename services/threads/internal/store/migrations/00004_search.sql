-- +goose Up
-- What can be searched: a row a message, and a row of sequence 0 for a thread's title. Rows follow from our own events,
-- guarded by version, so that twice, late and out of order are the same. A deleted message leaves a row without words.
--
-- The text configuration is `simple`: words are matched as written, in any language and without stop words; a stemmer
-- for one language loses words of the others, and a list of stop words loses names and commands.
CREATE TABLE search_rows (
    workspace_id uuid        NOT NULL,
    thread_id    uuid        NOT NULL,
    sequence     bigint      NOT NULL,
    space_id     uuid        NOT NULL,
    author_id    uuid        NOT NULL,
    create_time  timestamptz NOT NULL,
    version      bigint      NOT NULL,
    words        tsvector    NOT NULL,
    PRIMARY KEY (workspace_id, thread_id, sequence)
);

CREATE INDEX search_rows_words ON search_rows USING gin (workspace_id, words);

ALTER TABLE search_rows ENABLE ROW LEVEL SECURITY;
CREATE POLICY search_rows_workspace ON search_rows
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));

-- The hits of a search, the best first, after a cursor. It runs as the owner, for under row-level security the match
-- could not use its index (the operator is not leakproof); so it takes the workspace from the transaction's setting
-- alone and filters by what the member may read itself. The newest 1,000 that match are ranked: by how well they match,
-- worth half after ninety days. Matches are materialised from the index, so that no plan walks all messages of a
-- workspace by time in the hope of meeting a rare word.
-- +goose StatementBegin
CREATE FUNCTION search_hits(
    member uuid, query text, in_space uuid, in_thread uuid, by_author uuid, since timestamptz, before timestamptz,
    as_of timestamptz, after_rank float8, after_thread uuid, after_sequence bigint, max_rows int
) RETURNS TABLE (thread_id uuid, sequence bigint, rank float8)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = threads, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    ws    uuid    := nullif(current_setting('app.ws', true), '')::uuid;
    asked tsquery := websearch_to_tsquery('simple', query);
BEGIN
    IF querytree(asked) IN ('', 'T') THEN
        RAISE EXCEPTION 'the query has no word to look for' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN QUERY
    WITH readable AS MATERIALIZED (
        SELECT r.space_id FROM readable_spaces(ws, member) AS r(space_id)
    ), found AS MATERIALIZED (
        SELECT s.thread_id, s.sequence, s.create_time, s.words
        FROM search_rows s
        WHERE s.workspace_id = ws AND s.words @@ asked
          AND s.space_id IN (SELECT r.space_id FROM readable r)
          AND (in_space IS NULL OR s.space_id = in_space)
          AND (in_thread IS NULL OR s.thread_id = in_thread)
          AND (by_author IS NULL OR s.author_id = by_author)
          AND (since IS NULL OR s.create_time >= since)
          AND (before IS NULL OR s.create_time < before)
          AND s.create_time <= as_of
    ), newest AS (
        SELECT f.* FROM found f ORDER BY f.create_time DESC, f.thread_id DESC, f.sequence DESC LIMIT 1000
    ), ranked AS (
        SELECT n.thread_id, n.sequence,
               ts_rank(n.words, asked)::float8 * power(0.5, extract(epoch FROM as_of - n.create_time)::float8 / 7776000) AS rank
        FROM newest n
    )
    SELECT k.thread_id, k.sequence, k.rank
    FROM ranked k
    WHERE after_rank IS NULL OR (k.rank, k.thread_id, k.sequence) < (after_rank, after_thread, after_sequence)
    ORDER BY k.rank DESC, k.thread_id DESC, k.sequence DESC
    LIMIT max_rows;
END;
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION search_hits FROM PUBLIC;
-- +goose StatementBegin
DO $$ BEGIN
    EXECUTE format('GRANT EXECUTE ON FUNCTION search_hits TO %I', current_schema() || '_app');
END $$;
-- +goose StatementEnd
