-- +goose Up
-- A search tries less that cannot help. Before, a word of one in fifty to one in thirty messages of a large workspace was walked
-- for among 30,000 rows, then matched 20,000 times and then walked for among 50,000: 200 ms of the processor with a million
-- messages, where other words took 50. Now what the newest 3,000 rows show decides: one word in twenty or more finds its
-- thousand among 30,000 rows, one in fifty or more among 50,000, and what is rarer is read from the index of words, if its
-- messages are at most 10,000. A word for which none of it is enough (in more messages than that, and yet in fewer than a
-- thousand of the newest 50,000) is answered from these 50,000 and from 10,000 of its matches.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION search_hits(
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
    seen      int         := 0;
BEGIN
    IF querytree(asked) IN ('', 'T') THEN
        RAISE EXCEPTION 'the query has no word to look for' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOREACH step IN ARRAY ARRAY[3000, 30000, 50000] LOOP
        CONTINUE WHEN step = 30000 AND seen < 150 OR step = 50000 AND (seen < 60 OR seen >= 150);
        SELECT array_agg(n.thread_id), array_agg(n.sequence), count(n.thread_id) >= 1000 OR bool_or(n.thread_id IS NULL)
        INTO threads, sequences, enough
        FROM (SELECT w.* FROM search_walk(ws, asked, spaces, in_thread, by_author, first, last, step) w
              WHERE w.sure
              ORDER BY w.create_time DESC NULLS FIRST, w.thread_id DESC, w.sequence DESC LIMIT 1001) n;
        EXIT WHEN enough;
        IF step = 3000 THEN
            seen := coalesce(cardinality(threads), 0);
        END IF;
    END LOOP;
    IF NOT coalesce(enough, false) THEN
        SELECT array_agg(n.thread_id), array_agg(n.sequence), bool_or(n.whole)
        INTO threads, sequences, enough
        FROM (SELECT m.* FROM search_match(ws, asked, spaces, in_thread, by_author, first, last, 10000) m
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
