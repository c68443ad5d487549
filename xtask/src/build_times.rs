//! `cargo xtask build-times`: what a crate costs whoever compiles it, cold and warm, written to `docs/build-times.md`.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use crate::budget;
use crate::shell::{Done, cargo, output, root, run};

/// What is built, alone and with its default features, and a file of it to touch.
const PACKAGES: [(&str, &str); 7] = [
    ("underpin-errors", "pkg/errors/src/lib.rs"),
    ("underpin-config", "pkg/config/src/lib.rs"),
    ("underpin-logger", "pkg/logger/src/lib.rs"),
    ("underpin-database", "pkg/database/src/lib.rs"),
    ("underpin-events", "pkg/events/src/lib.rs"),
    ("underpin-outbox", "pkg/outbox/src/lib.rs"),
    ("orders", "examples/orders/src/lib.rs"),
];

const HEAD: &str = "\
# What it costs to compile

<!-- Written by `cargo xtask build-times`. Do not edit: measure again. -->

`cargo build -p NAME` with default features and the profiles of this workspace. Cold: nothing is built yet, sources are downloaded. Warm:
everything is built and a file of the crate itself was touched. Crates are the unique ones of `cargo tree -e normal,build`, the crate
itself included.
";

/// What `cargo xtask build-times` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct BuildTimes {
    /// Also a release build of orders, cold
    #[arg(long)]
    release: bool,
}

pub(crate) fn build_times(wanted: &BuildTimes) -> Done {
    run(cargo().args(["fetch", "--locked"]))?;
    let folder = std::env::temp_dir().join(format!("underpin-build-times-{}", std::process::id()));
    let measured = measure(&folder, wanted.release);
    // Gigabytes, and nobody needs them again; an error of the measurement matters more than one of the broom.
    let cleared = if folder.exists() { fs::remove_dir_all(&folder) } else { Ok(()) };
    let text = measured?;
    cleared.map_err(|error| format!("cannot remove {}: {error}", folder.display()))?;
    let path = root().join("docs/build-times.md");
    fs::write(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    println!("wrote docs/build-times.md");
    Ok(())
}

fn measure(folder: &Path, release: bool) -> Done<String> {
    let mut text = format!("{HEAD}\n{}\n\n| | crates | cold | warm |\n|---|---:|---:|---:|\n", place()?);
    for (package, file) in PACKAGES {
        let target = folder.join(package);
        let cold = build(package, &target, false)?;
        touch(&root().join(file))?;
        let warm = build(package, &target, false)?;
        let crates = budget::crates(package)?;
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| {package} | {crates} | {} | {} |", seconds(cold), seconds(warm));
        fs::remove_dir_all(&target)
            .map_err(|error| format!("cannot remove {}: {error}", target.display()))?;
    }
    if release {
        let cold = build("orders", &folder.join("release"), true)?;
        let _ = writeln!(text, "| orders, release | {} | {} | |", budget::crates("orders")?, seconds(cold));
    }
    Ok(text)
}

fn place() -> Done<String> {
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor = processor.lines().find_map(|line| line.strip_prefix("model name")?.split(':').nth(1));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let rustc = output(Command::new("rustc").arg("--version").current_dir(root()))?;
    let date = output(Command::new("date").args(["-u", "+%Y-%m-%d"]))?;
    let processor = processor.unwrap_or("an unknown processor").trim();
    Ok(format!("Measured {} on {processor}, {cores} cores, {}.", date.trim(), rustc.trim()))
}

fn build(package: &str, target: &Path, release: bool) -> Done<Duration> {
    let mut command = cargo();
    command.args(["build", "--quiet", "--locked", "--offline", "--package", package]);
    if release {
        command.arg("--release");
    }
    // As on a developer's machine, whatever this one is set to.
    command.env("CARGO_TARGET_DIR", target).env_remove("CARGO_INCREMENTAL");
    let start = Instant::now();
    run(&mut command)?;
    Ok(start.elapsed())
}

fn touch(path: &Path) -> Done {
    let set = || File::options().append(true).open(path)?.set_modified(SystemTime::now());
    set().map_err(|error| format!("cannot touch {}: {error}", path.display()))
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
