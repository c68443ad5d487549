//! What a benchmark found, kept in `target/bench` between runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};
use underpin_benches::{Effort, Table};

use crate::shell::{Done, root};

use super::{machine, said};

/// One run of one benchmark.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) name: String,
    /// When, where and of what it was measured.
    pub(super) date: String,
    pub(super) commit: String,
    pub(super) rounds: String,
    pub(super) machine: Vec<(String, String)>,
    pub(super) tables: Vec<Table>,
}

impl Record {
    /// The last run of this benchmark, if it was ever run.
    pub(super) fn read(name: &str) -> Done<Option<Self>> {
        let path = folder().join(format!("{name}.json"));
        match fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text)
                .map(Some)
                .map_err(|error| format!("{} is not ours: {error}", path.display())),
            Err(_) => Ok(None),
        }
    }
}

/// An empty place for the tables of a run.
pub(super) fn draft(name: &str) -> Done<PathBuf> {
    let path = folder().join(format!("{name}.jsonl"));
    let clear = || {
        fs::create_dir_all(folder())?;
        if path.exists() { fs::remove_file(&path) } else { Ok(()) }
    };
    clear().map_err(|error| format!("cannot write to target/bench: {error}"))?;
    Ok(path)
}

/// Turns the tables of a finished run into its record.
pub(super) fn keep(name: &str, tables: &Path) -> Done {
    let text = fs::read_to_string(tables).map_err(|_| format!("{name} recorded no table"))?;
    let tables = text.lines().map(|line| {
        serde_json::from_str(line).map_err(|error| format!("{name} recorded what is no table: {error}"))
    });
    let record = Record {
        name: name.to_owned(),
        date: said(Command::new("date").args(["-u", "+%Y-%m-%d %H:%M UTC"])),
        commit: said(Command::new("git").args(["describe", "--always", "--dirty"]).current_dir(root())),
        rounds: rounds(),
        machine: machine::describe(),
        tables: tables.collect::<Done<_>>()?,
    };
    let text = serde_json::to_string_pretty(&record).map_err(|error| error.to_string())?;
    let path = folder().join(format!("{name}.json"));
    fs::write(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

fn rounds() -> String {
    let effort = Effort::default();
    format!("{} rounds of {} ms each", effort.rounds, effort.round.as_millis())
}

fn folder() -> PathBuf {
    root().join("target/bench")
}
