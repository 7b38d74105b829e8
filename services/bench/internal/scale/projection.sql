-- What the service {service} knows of the workspaces beside.
INSERT INTO {service}.workspaces (workspace_id, display_name, time_zone, urgent_role, low_seconds, normal_seconds, high_seconds, urgent_seconds, version)
    SELECT bench_scale.id(10, w), 'Beside ' || w, 'UTC', 2, 144000, 28800, 7200, 3600, 1 FROM generate_series(1, {beside}) w;
INSERT INTO {service}.members (workspace_id, member_id, display_name, handle, time_zone, role, state, kind, version, email)
    SELECT bench_scale.id(10, w), bench_scale.id(11, w * 100 + m), 'M', 'm' || m, 'UTC', 2, 2, 1, 1, 'm' || m || '@example.com'
    FROM generate_series(1, {beside}) w, generate_series(1, 20) m;
INSERT INTO {service}.spaces (workspace_id, space_id, display_name, visibility, version)
    SELECT bench_scale.id(10, w), bench_scale.id(12, w * 100 + s), 'S', 1, 1 FROM generate_series(1, {beside}) w, generate_series(0, 1) s;
