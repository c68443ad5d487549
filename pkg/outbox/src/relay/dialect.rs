//! The relay's statements in the two dialects. A partition is a `lane` in the tables, a low-water mark its `floor`, and the
//! notify mode its `bell`.
//!
//! Lists travel as one text: `{1,2}` for PostgreSQL's arrays, `[1,2]` for SQLite's JSON functions; records as JSON in both.

use underpin_database::Backend;

pub(super) struct Dialect {
    pub(super) heartbeat: &'static str,
    pub(super) live: &'static str,
    pub(super) forget_relays: &'static str,
    pub(super) renew: &'static str,
    pub(super) acquire: &'static str,
    pub(super) release: &'static str,
    pub(super) set_notify_mode: Option<&'static str>,
    pub(super) fetch: &'static str,
    pub(super) heads: &'static str,
    pub(super) held: &'static str,
    pub(super) remove: &'static [&'static str],
    pub(super) keep: &'static [&'static str],
    pub(super) lock: &'static str,
    pub(super) hold: &'static [&'static str],
    /// An operator may have put the row into quarantine in the meantime.
    pub(super) fail_again: &'static str,
    pub(super) remove_held: &'static [&'static str],
    pub(super) keep_held: &'static [&'static str],
    pub(super) promote: &'static str,
    pub(super) sweep_sent: &'static str,
}

impl Dialect {
    pub(super) fn of(backend: Backend) -> &'static Self {
        match backend {
            Backend::Postgres => &POSTGRES,
            _ => &SQLITE,
        }
    }
}

/// A list of numbers as one bind.
pub(super) fn list<N: ToString>(backend: Backend, numbers: impl IntoIterator<Item = N>) -> String {
    let numbers: Vec<String> = numbers.into_iter().map(|number| number.to_string()).collect();
    match backend {
        Backend::Postgres => format!("{{{}}}", numbers.join(",")),
        _ => format!("[{}]", numbers.join(",")),
    }
}

/// The highest id that a transaction has drawn, committed or not, as `drawn.last`.
macro_rules! last_id_drawn {
    () => {
        "drawn AS MATERIALIZED (\
            SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END AS last FROM underpin_outbox_id_seq)"
    };
}

static POSTGRES: Dialect = Dialect {
    heartbeat: "INSERT INTO underpin_outbox_relays (relay, seen_until) \
        VALUES ($1, clock_timestamp() + $2::bigint * interval '1 millisecond') \
        ON CONFLICT (relay) DO UPDATE SET seen_until = excluded.seen_until",
    live: "SELECT count(*) FROM underpin_outbox_relays WHERE seen_until > clock_timestamp()",
    forget_relays: "DELETE FROM underpin_outbox_relays \
        WHERE relay = $1 OR seen_until < clock_timestamp() - interval '1 hour'",
    // The marker is the number of this very transaction, which the update gives it, after `last` was read.
    renew: concat!(
        "WITH ",
        last_id_drawn!(),
        " \
        UPDATE underpin_outbox_lanes l \
        SET expires_at = clock_timestamp() + $2::bigint * interval '1 millisecond', \
            floor = CASE WHEN l.floor > drawn.last THEN 0 \
                WHEN w.floor > l.floor AND w.floor <= drawn.last \
                    AND underpin_outbox_is_clear(l.lane, l.floor, w.floor) THEN w.floor ELSE l.floor END \
        FROM drawn, ROWS FROM (unnest($3::text::smallint[]), unnest($4::text::bigint[])) AS w(lane, floor) \
        WHERE l.lane = w.lane AND l.owner = $1 \
        RETURNING l.lane, l.floor, drawn.last, pg_current_xact_id()::text::bigint"
    ),
    acquire: concat!(
        "WITH free AS MATERIALIZED (\
            SELECT lane FROM underpin_outbox_lanes WHERE expires_at IS NULL OR expires_at < clock_timestamp() \
            ORDER BY lane LIMIT $3 FOR UPDATE SKIP LOCKED), ",
        last_id_drawn!(),
        " \
        UPDATE underpin_outbox_lanes l \
        SET owner = $1, expires_at = clock_timestamp() + $2::bigint * interval '1 millisecond', bell = true, \
            floor = CASE WHEN l.floor > drawn.last THEN 0 ELSE l.floor END \
        FROM free, drawn WHERE l.lane = free.lane RETURNING l.lane, l.floor"
    ),
    // Wakes relays that lack partitions.
    release: "WITH freed AS (UPDATE underpin_outbox_lanes SET owner = NULL, expires_at = NULL \
            WHERE owner = $1 AND lane = ANY($2::text::smallint[]) RETURNING lane) \
        SELECT pg_notify('underpin_outbox', 'lanes') WHERE EXISTS (SELECT FROM freed)",
    set_notify_mode: Some("UPDATE underpin_outbox_lanes SET bell = $2 WHERE owner = $1 AND bell <> $2"),
    fetch: "SELECT lane, id, key, envelope, age_ms, oldest \
        FROM underpin_outbox_fetch($1::text::smallint[], $2::text::bigint[], $3::integer, $4::bigint)",
    heads: "SELECT lane, key, due_in_ms FROM underpin_outbox_heads($1::text::smallint[], $2)",
    held: "SELECT id, envelope, attempts, age_ms FROM underpin_outbox_held_rows($1, $2, $3)",
    remove: &["SELECT underpin_outbox_remove($1::text::smallint[], $2::text::bigint[])"],
    keep: &["SELECT underpin_outbox_keep($1::text::smallint[], $2::text::bigint[])"],
    // Whoever decides which row of a key is its head locks the partition meanwhile.
    lock: "SELECT lane, owner FROM underpin_outbox_lanes \
        WHERE lane = ANY($1::text::smallint[]) ORDER BY lane FOR UPDATE",
    hold: &["SELECT underpin_outbox_hold($1::text::jsonb)"],
    fail_again: "SELECT underpin_outbox_fail_again($1::text::jsonb)",
    remove_held: &["SELECT underpin_outbox_remove_held($1::text::jsonb)"],
    keep_held: &["SELECT underpin_outbox_keep_held($1::text::jsonb)"],
    promote: "SELECT underpin_outbox_promote($1::text::jsonb, $2)",
    sweep_sent: "DELETE FROM underpin_outbox_sent WHERE ctid = ANY (ARRAY(SELECT ctid FROM underpin_outbox_sent \
        WHERE sent_at < clock_timestamp() - $1::bigint * interval '1 millisecond' ORDER BY sent_at LIMIT $2))",
};

static SQLITE: Dialect = Dialect {
    heartbeat: "INSERT INTO underpin_outbox_relays (relay, seen_until) \
        VALUES ($1, CAST(unixepoch('subsec') * 1000 AS INTEGER) + $2) \
        ON CONFLICT (relay) DO UPDATE SET seen_until = excluded.seen_until",
    live: "SELECT count(*) FROM underpin_outbox_relays WHERE seen_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)",
    forget_relays: "DELETE FROM underpin_outbox_relays \
        WHERE relay = $1 OR seen_until < CAST(unixepoch('subsec') * 1000 AS INTEGER) - 3600000",
    renew: "UPDATE underpin_outbox_lanes \
        SET expires_at = CAST(unixepoch('subsec') * 1000 AS INTEGER) + $2 \
        WHERE owner = $1 AND lane IN (SELECT value FROM json_each($3)) AND $4 IS NOT NULL RETURNING lane, floor, 0, 0",
    acquire: "UPDATE underpin_outbox_lanes \
        SET owner = $1, expires_at = CAST(unixepoch('subsec') * 1000 AS INTEGER) + $2 \
        WHERE lane IN (SELECT lane FROM underpin_outbox_lanes \
            WHERE expires_at IS NULL OR expires_at < CAST(unixepoch('subsec') * 1000 AS INTEGER) \
            ORDER BY lane LIMIT $3) RETURNING lane, floor",
    release: "UPDATE underpin_outbox_lanes SET owner = NULL, expires_at = NULL \
        WHERE owner = $1 AND lane IN (SELECT value FROM json_each($2))",
    set_notify_mode: None,
    // One writer, so nothing is uncommitted: no low-water marks.
    fetch: "SELECT lane, id, key, envelope, age_ms FROM (\
            SELECT b.*, sum(length(envelope)) OVER (ORDER BY id) - length(envelope) AS before FROM (\
                SELECT lane, id, key, envelope, \
                    CAST(unixepoch('subsec') * 1000 AS INTEGER) - created_at AS age_ms FROM underpin_outbox \
                WHERE lane IN (SELECT value FROM json_each($1)) AND $2 IS NOT NULL ORDER BY id LIMIT $3) b) \
        WHERE before < $4 ORDER BY id",
    heads: "SELECT lane, key, due_at - CAST(unixepoch('subsec') * 1000 AS INTEGER) \
        FROM underpin_outbox_held WHERE lane IN (SELECT value FROM json_each($1)) \
        AND (due_at IS NOT NULL OR quarantined_at IS NOT NULL) AND (due_at IS NOT NULL OR $2)",
    held: "SELECT id, envelope, attempts, CAST(unixepoch('subsec') * 1000 AS INTEGER) - created_at \
        FROM underpin_outbox_held WHERE lane = $1 AND key = $2 AND quarantined_at IS NULL ORDER BY id LIMIT $3",
    remove: &["DELETE FROM underpin_outbox WHERE id IN (SELECT value FROM json_each($2)) AND $1 IS NOT NULL"],
    keep: &[
        "INSERT OR IGNORE INTO underpin_outbox_sent (id, lane, key, envelope, created_at) \
            SELECT id, lane, key, envelope, created_at FROM underpin_outbox \
            WHERE id IN (SELECT value FROM json_each($2)) AND $1 IS NOT NULL",
        "DELETE FROM underpin_outbox WHERE id IN (SELECT value FROM json_each($2)) AND $1 IS NOT NULL",
    ],
    lock: "SELECT lane, owner FROM underpin_outbox_lanes \
        WHERE lane IN (SELECT value FROM json_each($1))",
    hold: &[
        "INSERT INTO underpin_outbox_held \
            (lane, key, id, envelope, created_at, attempts, reason, failed_at, due_at, quarantined_at) \
        SELECT o.lane, o.key, o.id, o.envelope, o.created_at, w.value ->> 'attempts', w.value ->> 'reason', \
            CASE WHEN w.value ->> 'attempts' > 0 THEN CAST(unixepoch('subsec') * 1000 AS INTEGER) END, \
            CAST(unixepoch('subsec') * 1000 AS INTEGER) + (w.value ->> 'delay_ms'), \
            CASE WHEN w.value ->> 'quarantine' THEN CAST(unixepoch('subsec') * 1000 AS INTEGER) END \
        FROM json_each($1) w JOIN underpin_outbox o ON o.id = w.value ->> 'id'",
        "DELETE FROM underpin_outbox WHERE id IN (SELECT value ->> 'id' FROM json_each($1))",
    ],
    fail_again: "UPDATE underpin_outbox_held SET attempts = w.value ->> 'attempts', reason = w.value ->> 'reason', \
            failed_at = CAST(unixepoch('subsec') * 1000 AS INTEGER), \
            due_at = CAST(unixepoch('subsec') * 1000 AS INTEGER) + (w.value ->> 'delay_ms'), \
            quarantined_at = CASE WHEN w.value ->> 'quarantine' THEN CAST(unixepoch('subsec') * 1000 AS INTEGER) END \
        FROM json_each($1) w WHERE lane = w.value ->> 'lane' \
            AND underpin_outbox_held.key = w.value ->> 'key' AND underpin_outbox_held.id = w.value ->> 'id' \
            AND quarantined_at IS NULL",
    remove_held: &["DELETE FROM underpin_outbox_held WHERE (lane, key, id) IN \
        (SELECT value ->> 'lane', value ->> 'key', value ->> 'id' FROM json_each($1))"],
    keep_held: &[
        "INSERT OR IGNORE INTO underpin_outbox_sent (id, lane, key, envelope, created_at) \
            SELECT id, lane, key, envelope, created_at FROM underpin_outbox_held WHERE (lane, key, id) IN \
            (SELECT value ->> 'lane', value ->> 'key', value ->> 'id' FROM json_each($1))",
        "DELETE FROM underpin_outbox_held WHERE (lane, key, id) IN \
            (SELECT value ->> 'lane', value ->> 'key', value ->> 'id' FROM json_each($1))",
    ],
    promote: "UPDATE underpin_outbox_held SET due_at = CAST(unixepoch('subsec') * 1000 AS INTEGER) FROM (\
            SELECT w.value ->> 'lane' AS lane, w.value ->> 'key' AS key, (SELECT x.id FROM underpin_outbox_held x \
                WHERE x.lane = w.value ->> 'lane' AND x.key = w.value ->> 'key' AND (x.quarantined_at IS NULL OR $2) \
                ORDER BY x.id LIMIT 1) AS id \
            FROM json_each($1) w) f \
        WHERE underpin_outbox_held.lane = f.lane AND underpin_outbox_held.key = f.key \
            AND underpin_outbox_held.id = f.id AND due_at IS NULL AND quarantined_at IS NULL",
    sweep_sent: "DELETE FROM underpin_outbox_sent WHERE id IN (SELECT id FROM underpin_outbox_sent \
        WHERE sent_at < CAST(unixepoch('subsec') * 1000 AS INTEGER) - $1 ORDER BY sent_at LIMIT $2)",
};
