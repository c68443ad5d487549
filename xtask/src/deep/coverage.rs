//! Which lines of each crate its own tests run.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use underpin_testkit::Server;

use crate::fetch;
use crate::shell::{Done, cargo, root, run};

use super::tree;

/// What a crate must reach, in percent of its lines.
const LEAST: f64 = 80.0;

const CRATES: [&str; 5] = ["errors", "config", "logger", "database", "events"];

/// Lines of test modules do not count, and neither do doc tests, which the stable compiler cannot measure.
pub(crate) fn check() -> Done {
    for server in [Server::Postgres, Server::Nats] {
        println!("{}", fetch::find_or_fetch(server)?);
    }
    let reports = tree::target("coverage-reports");
    fs::create_dir_all(&reports).map_err(|error| format!("cannot make {}: {error}", reports.display()))?;
    let mut found = BTreeMap::new();
    for name in CRATES {
        // One at a time: what the tests of a later crate run by the way does not count.
        let report = reports.join(name).with_extension("lcov");
        let package = format!("underpin-{name}");
        let mut command = cargo();
        command.args(["llvm-cov", "test", "--locked", "--no-clean", "--lib", "--tests", "--lcov"]);
        command.args(["--package", &package, "--output-path"]).arg(&report);
        // Incremental builds of instrumented code only fill the disk.
        run(command.env("CARGO_TARGET_DIR", tree::target("coverage")).env("CARGO_INCREMENTAL", "0"))?;
        let text = fs::read_to_string(&report).map_err(|error| format!("cannot read the report: {error}"))?;
        let lines = by_crate(&text, &|path| fs::read_to_string(path).unwrap_or_default());
        found.insert(name.to_owned(), lines.get(name).copied().unwrap_or_default());
    }
    judge(&found)
}

/// Lines that were run, and lines in all.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Lines {
    run: u32,
    all: u32,
}

fn judge(found: &BTreeMap<String, Lines>) -> Done {
    let mut below = Vec::new();
    for name in CRATES {
        let Lines { run, all } = found.get(name).copied().unwrap_or_default();
        let percent = if all == 0 { 0.0 } else { f64::from(run) * 100.0 / f64::from(all) };
        println!("underpin-{name}: {percent:.1} % of {all} lines");
        if percent < LEAST {
            below.push(name);
        }
    }
    if below.is_empty() { Ok(()) } else { Err(format!("below {LEAST} % of lines: {}", below.join(", "))) }
}

/// Sums up an lcov report: `SF:file`, then `DA:line,count`, then `end_of_record`.
fn by_crate(report: &str, source: &dyn Fn(&Path) -> String) -> BTreeMap<String, Lines> {
    let packages = root().join("pkg");
    let mut crates = BTreeMap::<String, Lines>::new();
    let mut current: Option<(String, u32)> = None;
    for line in report.lines() {
        if let Some(file) = line.strip_prefix("SF:") {
            let path = Path::new(file);
            let inside = path.strip_prefix(&packages).ok().and_then(|path| path.to_str());
            current = inside.and_then(|inside| {
                let (name, rest) = inside.split_once('/')?;
                let own = rest.starts_with("src/") && !rest.ends_with("/tests.rs");
                own.then(|| (name.to_owned(), first_line_of_tests(&source(path))))
            });
        } else if let (Some((name, tests)), Some(data)) = (&current, line.strip_prefix("DA:")) {
            let mut numbers = data.split(',').map(|number| number.parse::<u64>().unwrap_or_default());
            let (line, count) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
            if line < u64::from(*tests) {
                let sum = crates.entry(name.clone()).or_default();
                sum.all += 1;
                sum.run += u32::from(count > 0);
            }
        }
    }
    crates
}

/// Where the test module begins, which by our habit is the end of a file.
fn first_line_of_tests(source: &str) -> u32 {
    let lines: Vec<&str> = source.lines().collect();
    let begins = lines.windows(2).position(|pair| {
        matches!(pair, [attribute, module] if *attribute == "#[cfg(test)]" && module.starts_with("mod tests {"))
    });
    begins.map_or(u32::MAX, |index| u32::try_from(index + 1).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_tests_do_not_count_and_neither_do_other_files() {
        let packages = root().join("pkg").display().to_string();
        let report = format!(
            "SF:{packages}/errors/src/a.rs\nDA:1,5\nDA:2,0\nDA:4,9\nend_of_record\n\
             SF:{packages}/errors/tests/b.rs\nDA:1,1\nend_of_record\n\
             SF:{packages}/errors/src/a/tests.rs\nDA:1,1\nend_of_record\n\
             SF:/elsewhere/c.rs\nDA:1,1\nend_of_record\n"
        );
        let found = by_crate(&report, &|_| "fn a()\n{}\n#[cfg(test)]\nmod tests {\n".to_owned());
        let wanted = BTreeMap::from([("errors".to_owned(), Lines { run: 1, all: 2 })]);
        assert_eq!(found, wanted);
    }

    #[test]
    fn a_crate_without_lines_is_below() {
        assert!(judge(&BTreeMap::new()).is_err());
        let whole = CRATES.map(|name| (name.to_owned(), Lines { run: 80, all: 100 }));
        assert_eq!(judge(&BTreeMap::from(whole)), Ok(()));
    }
}
