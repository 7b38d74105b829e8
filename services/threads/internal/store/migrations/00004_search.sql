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

-- A walk goes over the newest rows of the workspace, of a space or of an author, and over a thread by its primary key.
CREATE INDEX search_rows_newest    ON search_rows (workspace_id, create_time);
CREATE INDEX search_rows_of_space  ON search_rows (workspace_id, space_id, create_time);
CREATE INDEX search_rows_of_author ON search_rows (workspace_id, author_id, create_time);

-- The matches among the newest rows that may concern a search: at most max_rows are read, whatever the word. They come
-- by the narrowest lane: the thread's, the author's, those of a few spaces (each gets its share of the rows), else the
-- workspace's. sure says that no newer match was left unread: what a lane did not reach is older than all it did. (A
-- thread is walked by its sequence, which imports may have filled in another order than that of time.)
-- The planner's other ways are shut, so that no statistics turn a bounded walk into a sort of everything.
-- +goose StatementBegin
CREATE FUNCTION search_walk(
    ws uuid, asked tsquery, spaces uuid[], in_thread uuid, by_author uuid, since timestamptz, until timestamptz, max_rows int
) RETURNS TABLE (thread_id uuid, sequence bigint, create_time timestamptz, sure boolean)
LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
    lane  text := CASE WHEN in_thread IS NOT NULL THEN 'thread' WHEN by_author IS NOT NULL THEN 'author'
                       WHEN cardinality(spaces) <= 16 THEN 'spaces' ELSE 'workspace' END;
    share int  := CASE lane WHEN 'spaces' THEN max_rows / greatest(cardinality(spaces), 1) ELSE max_rows END;
BEGIN
    RETURN QUERY
    WITH walked AS MATERIALIZED (
        (SELECT s.thread_id, s.sequence, s.create_time, s.space_id, s.author_id, s.words @@ asked AS hit
         FROM search_rows s
         WHERE lane = 'thread' AND s.workspace_id = ws AND s.thread_id = in_thread
         ORDER BY s.sequence DESC LIMIT share)
        UNION ALL
        (SELECT s.thread_id, s.sequence, s.create_time, s.space_id, s.author_id, s.words @@ asked
         FROM search_rows s
         WHERE lane = 'author' AND s.workspace_id = ws AND s.author_id = by_author
           AND s.create_time >= since AND s.create_time <= until
         ORDER BY s.create_time DESC LIMIT share)
        UNION ALL
        SELECT n.*
        FROM unnest(CASE lane WHEN 'spaces' THEN spaces END) AS p(space_id)
        CROSS JOIN LATERAL (
            SELECT s.thread_id, s.sequence, s.create_time, s.space_id, s.author_id, s.words @@ asked
            FROM search_rows s
            WHERE s.workspace_id = ws AND s.space_id = p.space_id AND s.create_time >= since AND s.create_time <= until
            ORDER BY s.create_time DESC LIMIT share) n
        UNION ALL
        (SELECT s.thread_id, s.sequence, s.create_time, s.space_id, s.author_id, s.words @@ asked
         FROM search_rows s
         WHERE lane = 'workspace' AND s.workspace_id = ws AND s.create_time >= since AND s.create_time <= until
         ORDER BY s.create_time DESC LIMIT share)
    ), reached AS (
        SELECT max(f.oldest) AS floor
        FROM (SELECT min(w.create_time) AS oldest FROM walked w
              GROUP BY CASE lane WHEN 'spaces' THEN w.space_id END HAVING count(*) >= share) f
    )
    SELECT w.thread_id, w.sequence, w.create_time, r.floor IS NULL OR w.create_time > r.floor
    FROM walked w, reached r
    WHERE w.hit AND w.space_id = ANY (spaces) AND w.create_time >= since AND w.create_time <= until
      AND (by_author IS NULL OR w.author_id = by_author)
    UNION ALL
    -- A row without a message says that the walk came to the end of what there is.
    SELECT NULL, NULL, NULL, r.floor IS NULL FROM reached r;
END;
$$;
-- +goose StatementEnd

-- The matches of a word, from its own index, in no order: at most max_rows are read. whole says that these were all.
-- +goose StatementBegin
CREATE FUNCTION search_match(
    ws uuid, asked tsquery, spaces uuid[], in_thread uuid, by_author uuid, since timestamptz, until timestamptz, max_rows int
) RETURNS TABLE (thread_id uuid, sequence bigint, create_time timestamptz, whole boolean)
LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET enable_indexscan = off SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH matched AS MATERIALIZED (
        SELECT s.thread_id, s.sequence, s.create_time, s.space_id, s.author_id
        FROM search_rows s WHERE s.workspace_id = ws AND s.words @@ asked
        LIMIT max_rows
    )
    SELECT m.thread_id, m.sequence, m.create_time, NULL::boolean
    FROM matched m
    WHERE m.space_id = ANY (spaces) AND m.create_time >= since AND m.create_time <= until
      AND (in_thread IS NULL OR m.thread_id = in_thread) AND (by_author IS NULL OR m.author_id = by_author)
    UNION ALL
    SELECT NULL, NULL, NULL, (SELECT count(*) FROM matched) < max_rows;
END;
$$;
-- +goose StatementEnd

-- The hits of a search, the best first, after a cursor. It runs as the owner, for under row-level security the match
-- could not use its index (the operator is not leakproof); so it takes the workspace from the transaction's setting
-- alone and filters by what the member may read itself. The newest 1,000 that match are ranked: by how well they match,
-- worth half after ninety days.
--
-- How common the word is decides the way, and trying decides how common it is: a common word has its thousand matches
-- among the newest rows; a rarer one is read whole from the index of words. A word for which neither is enough (in more
-- than 20,000 messages, and yet in fewer than a thousand of the newest 30,000) is answered from the newest 50,000 and
-- from 20,000 of its matches: every search reads a bounded number of rows.
--
-- Measured with a million messages in 40 spaces, on two cores that others used too, warm: a word of 50 messages took 6
-- to 12 ms, of 1% 60 ms, of half 11 to 19 ms; one of two thirds but of none of the newest third, 260 to 410 ms.
-- +goose StatementBegin
CREATE FUNCTION search_hits(
    member uuid, query text, in_space uuid, in_thread uuid, by_author uuid, since timestamptz, before timestamptz,
    as_of timestamptz, after_rank float8, after_thread uuid, after_sequence bigint, max_rows int
) RETURNS TABLE (thread_id uuid, sequence bigint, rank float8)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = threads, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    ws        uuid        := nullif(current_setting('app.ws', true), '')::uuid;
    asked     tsquery     := websearch_to_tsquery('simple', query);
    spaces    uuid[]      := ARRAY(SELECT r.r FROM readable_spaces(ws, member) AS r(r) WHERE in_space IS NULL OR r.r = in_space);
    first     timestamptz := coalesce(since, '-infinity');
    last      timestamptz := least(as_of, before - interval '1 microsecond');
    threads   uuid[];
    sequences bigint[];
    enough    boolean     := false;
    step      int;
BEGIN
    IF querytree(asked) IN ('', 'T') THEN
        RAISE EXCEPTION 'the query has no word to look for' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOREACH step IN ARRAY ARRAY[3000, 30000] LOOP
        SELECT array_agg(n.thread_id), array_agg(n.sequence), count(n.thread_id) >= 1000 OR bool_or(n.thread_id IS NULL)
        INTO threads, sequences, enough
        FROM (SELECT w.* FROM search_walk(ws, asked, spaces, in_thread, by_author, first, last, step) w
              WHERE w.sure
              ORDER BY w.create_time DESC NULLS FIRST, w.thread_id DESC, w.sequence DESC LIMIT 1001) n;
        -- A longer walk is for a word that it is likely to find a thousand times.
        EXIT WHEN enough OR coalesce(cardinality(threads), 0) < 50;
    END LOOP;
    IF NOT coalesce(enough, false) THEN
        SELECT array_agg(n.thread_id), array_agg(n.sequence), bool_or(n.whole)
        INTO threads, sequences, enough
        FROM (SELECT m.* FROM search_match(ws, asked, spaces, in_thread, by_author, first, last, 20000) m
              ORDER BY m.create_time DESC NULLS FIRST, m.thread_id DESC, m.sequence DESC LIMIT 1001) n;
    END IF;
    IF NOT enough THEN
        SELECT threads || array_agg(n.thread_id), sequences || array_agg(n.sequence)
        INTO threads, sequences
        FROM (SELECT w.* FROM search_walk(ws, asked, spaces, in_thread, by_author, first, last, 50000) w
              WHERE w.thread_id IS NOT NULL
              ORDER BY w.create_time DESC, w.thread_id DESC, w.sequence DESC LIMIT 1000) n;
    END IF;
    RETURN QUERY
    WITH found AS MATERIALIZED (
        SELECT DISTINCT u.thread_id, u.sequence FROM unnest(threads, sequences) AS u(thread_id, sequence)
    ), newest AS MATERIALIZED (
        SELECT s.thread_id, s.sequence, s.create_time, s.words
        FROM found f
        CROSS JOIN LATERAL (SELECT * FROM search_rows s
                            WHERE s.workspace_id = ws AND s.thread_id = f.thread_id AND s.sequence = f.sequence) s
        ORDER BY s.create_time DESC, s.thread_id DESC, s.sequence DESC LIMIT 1000
    ), ranked AS (
        -- The age is bounded, because a power of a great one is too small a number to be told.
        SELECT n.thread_id, n.sequence,
               ts_rank(n.words, asked)::float8
               * power(0.5, least(greatest(extract(epoch FROM as_of - n.create_time)::float8 / 7776000, 0), 100)) AS rank
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
REVOKE ALL ON FUNCTION search_walk, search_match FROM PUBLIC;
REVOKE ALL ON FUNCTION search_hits FROM PUBLIC;
-- +goose StatementBegin
DO $$ BEGIN
    EXECUTE format('GRANT EXECUTE ON FUNCTION search_hits TO %I', current_schema() || '_app');
END $$;
-- +goose StatementEnd
