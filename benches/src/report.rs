use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::stats::{median, percentile};

/// What a comparison found, one row a contender, in the order in which they were added.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Table {
    /// What was measured.
    pub title: String,
    /// What one operation is.
    pub unit: String,
    /// The contenders.
    pub rows: Vec<Row>,
}

/// One contender's figures.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// The contender.
    pub name: String,
    /// Median time of one operation, in nanoseconds.
    pub nanos: f64,
    /// Median of the ratios to the reference in the same round: below 1 is faster than the reference.
    pub ratio: f64,
    /// The 10th percentile of those ratios.
    pub ratio_low: f64,
    /// The 90th percentile of those ratios.
    pub ratio_high: f64,
}

impl Row {
    /// A contender's figures: its time of one operation in each round, beside the reference's in the same rounds.
    pub fn of(name: impl Into<String>, mut nanos: Vec<f64>, reference: &[f64]) -> Self {
        let mut ratios: Vec<f64> = nanos.iter().zip(reference).map(|(own, other)| own / other).collect();
        Self {
            name: name.into(),
            nanos: median(&mut nanos),
            ratio: median(&mut ratios),
            ratio_low: percentile(&mut ratios, 0.1),
            ratio_high: percentile(&mut ratios, 0.9),
        }
    }

    /// The time of one operation as a person reads it: `1.50 us`.
    pub fn time(&self) -> String {
        match self.nanos {
            n if n < 1e3 => format!("{n:.1} ns"),
            n if n < 1e6 => format!("{:.2} us", n / 1e3),
            n if n < 1e9 => format!("{:.2} ms", n / 1e6),
            n => format!("{:.2} s", n / 1e9),
        }
    }
}

impl Table {
    /// Adds the table as one line of JSON to the file that `BENCH_RECORD` names; does nothing where it is not set.
    ///
    /// # Panics
    /// When the file cannot be written: a report with a table missing would look complete.
    #[allow(clippy::panic, reason = "documented")]
    pub fn record(&self) {
        if let Some(path) = std::env::var_os("BENCH_RECORD").filter(|path| !path.is_empty())
            && let Err(error) = self.append(path.as_ref())
        {
            panic!("cannot write {}, the file of BENCH_RECORD: {error}", path.display());
        }
    }

    fn append(&self, path: &Path) -> io::Result<()> {
        let mut line = serde_json::to_string(self)?;
        line.push('\n');
        File::options().create(true).append(true).open(path)?.write_all(line.as_bytes())
    }
}

/// A Markdown table.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "### {}\n", self.title)?;
        writeln!(f, "| | time per {} | ratio | 10th to 90th percentile |", self.unit)?;
        writeln!(f, "|---|---:|---:|---:|")?;
        for row in &self.rows {
            writeln!(
                f,
                "| {} | {} | {:.2} | {:.2} to {:.2} |",
                row.name.replace('|', "\\|"),
                row.time(),
                row.ratio,
                row.ratio_low,
                row.ratio_high
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_table_is_a_line_of_json() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let rows = vec![Row { name: "peer".into(), nanos: 1.5, ratio: 1.0, ratio_low: 0.9, ratio_high: 1.1 }];
        let table = Table { title: "one record".into(), unit: "record".into(), rows };
        table.append(file.path()).expect("appended");
        table.append(file.path()).expect("appended");
        let line = r#"{"title":"one record","unit":"record","rows":[{"name":"peer","nanos":1.5,"ratio":1.0,"ratio_low":0.9,"ratio_high":1.1}]}"#;
        let text = std::fs::read_to_string(file.path()).expect("text");
        assert_eq!(text.lines().collect::<Vec<_>>(), [line, line]);
    }

    #[test]
    fn a_table_is_markdown_with_the_unit_and_the_ratios() {
        let row = |name: &str, nanos, ratio| Row {
            name: name.to_owned(),
            nanos,
            ratio,
            ratio_low: ratio - 0.1,
            ratio_high: ratio + 0.1,
        };
        let table = Table {
            title: "one record".to_owned(),
            unit: "record".to_owned(),
            rows: vec![row("peer", 1500.0, 1.0), row("ours", 750.0, 0.5)],
        };
        assert_eq!(
            table.to_string(),
            "### one record\n\n\
             | | time per record | ratio | 10th to 90th percentile |\n\
             |---|---:|---:|---:|\n\
             | peer | 1.50 us | 1.00 | 0.90 to 1.10 |\n\
             | ours | 750.0 ns | 0.50 | 0.40 to 0.60 |\n"
        );
    }
}
