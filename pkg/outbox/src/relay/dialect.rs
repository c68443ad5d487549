//! The relay's statements in the two dialects, in the files of `sql/`.
//!
//! A partition is a `lane` in the tables, a low-water mark its `floor`, and the notify mode its `bell`. Lists travel as one
//! text: `{1,2}` for PostgreSQL's arrays, `[1,2]` for SQLite's JSON functions; records as JSON in both.

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
    pub(super) remove: &'static str,
    pub(super) keep: &'static str,
    pub(super) lock: &'static str,
    pub(super) hold: &'static str,
    /// An operator may have put the row into quarantine in the meantime.
    pub(super) fail_again: &'static str,
    pub(super) remove_held: &'static str,
    pub(super) keep_held: &'static str,
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

/// The statements of a text, which are separated by a semicolon at the end of a line.
pub(super) fn statements(text: &str) -> impl Iterator<Item = &str> {
    text.split(";\n").map(str::trim).filter(|statement| !statement.is_empty())
}

/// A list of numbers as one bind.
pub(super) fn list<N: ToString>(backend: Backend, numbers: impl IntoIterator<Item = N>) -> String {
    let numbers: Vec<String> = numbers.into_iter().map(|number| number.to_string()).collect();
    match backend {
        Backend::Postgres => format!("{{{}}}", numbers.join(",")),
        _ => format!("[{}]", numbers.join(",")),
    }
}

/// The text of one statement, or of some that run one after the other with the same binds.
macro_rules! text {
    ($name:literal) => {
        include_str!(concat!("sql/", $name, ".sql"))
    };
}

static POSTGRES: Dialect = Dialect {
    heartbeat: text!("heartbeat.postgres"),
    live: text!("live.postgres"),
    forget_relays: text!("forget_relays.postgres"),
    // The marker is the number of this very transaction, which the update gives it, after `last` was read.
    renew: concat!(text!("last_id_drawn.postgres"), text!("renew.postgres")),
    acquire: concat!(text!("last_id_drawn.postgres"), text!("acquire.postgres")),
    // Wakes relays that lack partitions.
    release: text!("release.postgres"),
    set_notify_mode: Some(text!("set_notify_mode.postgres")),
    fetch: text!("fetch.postgres"),
    heads: text!("heads.postgres"),
    held: text!("held.postgres"),
    remove: text!("remove.postgres"),
    keep: text!("keep.postgres"),
    // Whoever decides which row of a key is its head locks the partition meanwhile.
    lock: text!("lock.postgres"),
    hold: text!("hold.postgres"),
    fail_again: text!("fail_again.postgres"),
    remove_held: text!("remove_held.postgres"),
    keep_held: text!("keep_held.postgres"),
    promote: text!("promote.postgres"),
    sweep_sent: text!("sweep_sent.postgres"),
};

static SQLITE: Dialect = Dialect {
    heartbeat: text!("heartbeat.sqlite"),
    live: text!("live.sqlite"),
    forget_relays: text!("forget_relays.sqlite"),
    renew: text!("renew.sqlite"),
    acquire: text!("acquire.sqlite"),
    release: text!("release.sqlite"),
    set_notify_mode: None,
    // One writer, so nothing is uncommitted: no low-water marks.
    fetch: text!("fetch.sqlite"),
    heads: text!("heads.sqlite"),
    held: text!("held.sqlite"),
    remove: text!("remove.sqlite"),
    keep: text!("keep.sqlite"),
    lock: text!("lock.sqlite"),
    hold: text!("hold.sqlite"),
    fail_again: text!("fail_again.sqlite"),
    remove_held: text!("remove_held.sqlite"),
    keep_held: text!("keep_held.sqlite"),
    promote: text!("promote.sqlite"),
    sweep_sent: text!("sweep_sent.sqlite"),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_split_into_its_statements() {
        assert_eq!(statements(SQLITE.keep).count(), 2);
        assert_eq!(statements(POSTGRES.keep).count(), 1);
        assert_eq!(statements("a;\n\nb\n").collect::<Vec<_>>(), ["a", "b"]);
    }
}
