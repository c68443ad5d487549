//! `cargo xtask bench`: runs the side-by-side benchmarks and writes one report, `docs/benchmarks.md`, with a plot a crate.
//!
//! Each run leaves its tables in `target/bench`. The report takes what is there and keeps its sections of the others, so that one
//! benchmark can be measured alone: `cargo xtask bench logger`, later `cargo xtask bench database`.

mod machine;
mod plot;
mod record;
mod report;

use std::fs;
use std::path::Path;

use crate::shell::{Done, cargo, output, root, run};
use record::Record;

/// What `cargo xtask bench` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Bench {
    /// Only these, by the names of the files in benches/benches; all without
    names: Vec<String>,
    /// Build what would be measured, and measure nothing
    #[arg(long)]
    no_run: bool,
    /// Measure nothing, and write the report of what is in target/bench
    #[arg(long, conflicts_with = "no_run")]
    report_only: bool,
    /// Handed to the benchmarks
    #[arg(last = true)]
    rest: Vec<String>,
}

pub(crate) fn bench(wanted: &Bench) -> Done {
    let all = names()?;
    if let Some(unknown) = wanted.names.iter().find(|name| !all.contains(name)) {
        return Err(format!("there is no benchmark {unknown}; there are: {}", all.join(", ")));
    }
    let names = if wanted.names.is_empty() { &all } else { &wanted.names };
    let mut failed = Vec::new();
    if !wanted.report_only {
        // Nothing is compiled while something is measured.
        let mut build = cargo();
        build.args(["bench", "--locked", "--no-run", "--package", "underpin-benches"]);
        build.args(names.iter().flat_map(|name| ["--bench", name]));
        run(&mut build)?;
        if wanted.no_run {
            return Ok(());
        }
        for name in names {
            if let Err(reason) = measure(name, &wanted.rest) {
                eprintln!("{reason}");
                failed.push(name.as_str());
            }
        }
    }
    let records = all.iter().filter_map(|name| Record::read(name).transpose()).collect::<Done<Vec<_>>>()?;
    report::write(&records)?;
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", "))) }
}

/// The benchmarks there are, in alphabetical order.
fn names() -> Done<Vec<String>> {
    let folder = root().join("benches/benches");
    let entries =
        fs::read_dir(&folder).map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    let mut names: Vec<String> = paths.filter_map(|path| target(&path)).collect();
    names.sort();
    Ok(names)
}

/// The benchmark at this path, as cargo finds them: a file, or a folder with a `main.rs`.
fn target(path: &Path) -> Option<String> {
    let is_one =
        path.extension().is_some_and(|extension| extension == "rs") || path.join("main.rs").is_file();
    let name = if is_one { path.file_stem() } else { None };
    name.map(|name| name.to_string_lossy().into_owned())
}

fn measure(name: &str, rest: &[String]) -> Done {
    let tables = record::draft(name)?;
    let mut command = cargo();
    command.args(["bench", "--locked", "--package", "underpin-benches", "--bench", name, "--"]);
    run(command.args(rest).env("BENCH_RECORD", &tables))?;
    record::keep(name, &tables)
}

/// What a program prints, or that there is none: a version in a report.
fn said(command: &mut std::process::Command) -> String {
    let first = |text: String| text.lines().next().unwrap_or_default().trim().to_owned();
    output(command).map_or_else(|_| "not found".to_owned(), first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_folders_are_found_and_what_belongs_to_a_file_is_not_one() {
        assert_eq!(
            names().unwrap(),
            [
                "config",
                "database",
                "events",
                "http",
                "jobs",
                "logger",
                "outbox",
                "rpc",
                "spans",
                "store",
                "store_objects"
            ]
        );
    }
}
