use std::fmt;

/// What a comparison found, one row a contender, in the order in which they were added.
#[derive(Clone, Debug)]
pub struct Table {
    /// What was measured.
    pub title: String,
    /// What one operation is.
    pub unit: String,
    /// The contenders.
    pub rows: Vec<Row>,
}

/// One contender's figures.
#[derive(Clone, Debug)]
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
                row.name,
                duration(row.nanos),
                row.ratio,
                row.ratio_low,
                row.ratio_high
            )?;
        }
        Ok(())
    }
}

fn duration(nanos: f64) -> String {
    match nanos {
        n if n < 1e3 => format!("{n:.1} ns"),
        n if n < 1e6 => format!("{:.2} us", n / 1e3),
        n if n < 1e9 => format!("{:.2} ms", n / 1e6),
        n => format!("{:.2} s", n / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
