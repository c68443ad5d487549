//! The report: Markdown for people, and the pictures beside it.

use std::fmt::Write as _;
use std::fs;

use crate::shell::{Done, root};

use super::plot;
use super::record::Record;

const HEAD: &str = "\
# Benchmarks

<!-- Written by `cargo xtask bench`. Do not edit: measure again. -->

Each table measures us and our peers in turns, in one run: short rounds, each beginning with another contender. The ratio is the median of
the ratios of adjacent rounds to the first row, so below 1 is faster than the first row; the last column says how much those ratios
spread. Times depend on the machine and on what else it does; ratios much less. What each row does is in
[`benches/benches`](../benches/benches). What was wanted, what was reached and what limits it: [benchmark-goals.md](benchmark-goals.md).

To measure again: `cargo xtask bench`, or `cargo xtask bench logger` for one. `BENCH_ROUNDS` and `BENCH_ROUND_MS` say how long (15
rounds of 100 ms). Peers in Go take part where there is a Go toolchain.
";

/// Writes `docs/benchmarks.md` and `docs/benchmarks/NAME.svg`.
pub(super) fn write(records: &[Record]) -> Done {
    if records.is_empty() {
        return Err("nothing was measured yet".to_owned());
    }
    let docs = root().join("docs");
    let pictures = docs.join("benchmarks");
    let put = |name: &str, text: &str| {
        let path = docs.join(name);
        fs::write(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
    };
    fs::create_dir_all(&pictures).map_err(|error| format!("cannot make {}: {error}", pictures.display()))?;
    for record in records {
        put(&format!("benchmarks/{}.svg", record.name), &plot::svg(&record.name, &record.tables))?;
    }
    put("benchmarks.md", &markdown(records))?;
    println!("wrote docs/benchmarks.md");
    Ok(())
}

fn markdown(records: &[Record]) -> String {
    let mut text = HEAD.to_owned();
    let mut before: &[(String, String)] = &[];
    for record in records {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n## {}\n\n![{}](benchmarks/{}.svg)\n", record.name, record.name, record.name);
        let _ = write!(text, "\nMeasured {}, {}, at {}.", record.date, record.rounds, record.commit);
        if record.machine == before {
            text.push_str(" The machine and the versions are those above.\n");
        } else {
            text.push_str("\n\n| on | |\n|---|---|\n");
            for (name, value) in &record.machine {
                let _ = writeln!(text, "| {name} | {value} |");
            }
            before = &record.machine;
        }
        for table in &record.tables {
            let _ = write!(text, "\n{table}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use underpin_benches::{Row, Table};

    fn record(name: &str, machine: &str) -> Record {
        let row = Row { name: "a|b".into(), nanos: 1500.0, ratio: 0.5, ratio_low: 0.4, ratio_high: 0.6 };
        Record {
            name: name.into(),
            date: "2026-11-20".into(),
            commit: "abc".into(),
            rounds: "15 rounds".into(),
            machine: vec![("processor".into(), machine.into())],
            tables: vec![Table { title: "one".into(), unit: "load".into(), rows: vec![row] }],
        }
    }

    #[test]
    fn a_report_names_the_machine_once_while_it_is_the_same() {
        let text = markdown(&[record("config", "A"), record("logger", "A"), record("outbox", "B")]);
        assert_eq!(text.matches("| processor | A |").count(), 1);
        assert_eq!(text.matches("| processor | B |").count(), 1);
        assert!(text.contains("| a\\|b | 1.50 us | 0.50 | 0.40 to 0.60 |"));
        assert!(text.contains("![logger](benchmarks/logger.svg)"));
        assert!(text.contains("(benchmark-goals.md)"), "what was wanted is told by hand, elsewhere");
    }
}
