//! Programs of `benches/peers/jobs`: one for the queues that are Rust crates, in a workspace of its own, and one for pg-boss.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::Done;

/// A queue that burns down jobs in a process of its own.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    /// It gets one of so many jobs.
    pub(crate) share: u64,
    command: Vec<PathBuf>,
}

impl Peer {
    /// How long it says that it took.
    pub(crate) fn burn_down(&self, url: &str, jobs: u64) -> Done<Duration> {
        let mut command = self.command.iter();
        let program = command.next().ok_or("a program")?;
        let output = Command::new(program)
            .args(command)
            .args([url, &jobs.to_string()])
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()?;
        if !output.status.success() {
            return Err(format!("{} failed: {}", self.name, output.status).into());
        }
        Ok(Duration::from_nanos(String::from_utf8(output.stdout)?.trim().parse()?))
    }
}

/// The peers that can be built here. `JOBS_PEERS` chooses some by parts of their names, separated by commas.
pub(crate) fn all() -> Done<Vec<Peer>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| here.join("../target"), PathBuf::from);
    let (source, target) = (here.join("peers/jobs"), target.join("peers/jobs"));
    let wanted = std::env::var("JOBS_PEERS").unwrap_or_default();
    let is_wanted = |peer: &Peer| wanted.split(',').any(|part| peer.name.contains(part));
    let mut peers = rust(&source, &target)?;
    peers.extend(node(&source, &target)?);
    Ok(peers.into_iter().filter(is_wanted).collect())
}

/// Builds the workspace of the peers; the first time takes minutes.
fn rust(source: &Path, target: &Path) -> Done<Vec<Peer>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--release", "--locked", "--quiet"]).current_dir(source);
    run(build.env("CARGO_TARGET_DIR", target))?;
    let peer = |name, argument: &str, share| Peer {
        name,
        share,
        command: vec![target.join("release/peer-jobs"), argument.into()],
    };
    Ok(vec![
        peer("pgmq, batches of 64", "pgmq", 1),
        peer("awa, queue storage", "awa", 1),
        peer("graphile_worker, local queue, completion in batches", "graphile", 1),
        peer("apalis-postgres, batches of 64", "apalis", 4),
    ])
}

/// Installs pg-boss; nothing, and a line on standard error, where Node.js or npm is missing.
#[allow(clippy::print_stderr, reason = "a benchmark says which contender it leaves out")]
fn node(source: &Path, target: &Path) -> Done<Option<Peer>> {
    let is_here = |program| {
        Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
    };
    if !is_here("node") || !is_here("npm") {
        eprintln!("pg-boss is left out: node 20 or newer, or npm, is not on the PATH");
        return Ok(None);
    }
    let folder = target.join("pg-boss");
    std::fs::create_dir_all(&folder)?;
    for file in ["package.json", "package-lock.json", "pg-boss.mjs"] {
        std::fs::copy(source.join(file), folder.join(file))?;
    }
    let mut install = Command::new("npm");
    install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]).current_dir(&folder);
    run(&mut install)?;
    let command = vec!["node".into(), folder.join("pg-boss.mjs")];
    Ok(Some(Peer { name: "pg-boss, fetch and complete in batches of 64", share: 4, command }))
}

fn run(command: &mut Command) -> Done {
    let status = command.stdout(Stdio::null()).status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{}: {status}", command.get_program().display()).into())
    }
}
