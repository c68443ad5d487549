use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::latency::Latencies;
use crate::{POOL, ROWS};

/// The limit: PostgreSQL's own client, 25 connections on two threads, prepared statements, and nothing done with the rows.
/// It runs what `pgbench -S` runs, on the table of the others.
pub(crate) struct Pgbench {
    program: PathBuf,
    script: tempfile::NamedTempFile,
    url: String,
}

impl Pgbench {
    pub(crate) fn new(url: &str) -> Result<Self, Box<dyn Error>> {
        let script = tempfile::NamedTempFile::new()?;
        let text = format!("\\set id random(1, {ROWS})\nSELECT id, balance FROM account WHERE id = :id;\n");
        std::fs::write(script.path(), text)?;
        Ok(Self { program: program(), script, url: url.to_owned() })
    }

    /// Runs that many queries, about, and returns how long as many take by what pgbench says of itself, without the time
    /// to connect.
    #[allow(clippy::panic, reason = "a benchmark whose contender fails measures nothing")]
    pub(crate) fn run(&self, name: &str, times: u64, latencies: &Latencies) -> Duration {
        match self.rate(name, times, latencies) {
            Ok(rate) => Duration::from_secs_f64(times as f64 / rate),
            Err(error) => panic!("pgbench failed: {error}"),
        }
    }

    fn rate(&self, name: &str, times: u64, latencies: &Latencies) -> Result<f64, Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let each = times.div_ceil(u64::from(POOL)).max(1);
        let output = Command::new(&self.program)
            .args(["--no-vacuum", "-M", "prepared", "-j", "2", "-l", "-c"])
            .arg(POOL.to_string())
            .args(["-t", &each.to_string(), "-f"])
            .arg(self.script.path())
            .arg(&self.url)
            .current_dir(folder.path())
            .output()
            .map_err(|error| format!("{}: {error}", self.program.display()))?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
        }
        latencies.note(name, logged(folder.path())?);
        let rate = said.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next());
        Ok(rate.ok_or("it says no tps")?.parse()?)
    }
}

/// The third column of its log is the latency in microseconds.
fn logged(folder: &Path) -> Result<Vec<Duration>, Box<dyn Error>> {
    let mut latencies = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        for line in std::fs::read_to_string(entry?.path())?.lines() {
            let micros = line.split(' ').nth(2).ok_or("a log without latencies")?;
            latencies.push(Duration::from_micros(micros.parse()?));
        }
    }
    Ok(latencies)
}

/// Debian keeps it beside the server, off the PATH.
fn program() -> PathBuf {
    let beside = |version: u32| PathBuf::from(format!("/usr/lib/postgresql/{version}/bin/pgbench"));
    (13..=18).rev().map(beside).find(|path| path.exists()).unwrap_or_else(|| PathBuf::from("pgbench"))
}
