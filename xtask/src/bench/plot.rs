//! One picture a crate: a bar a contender, as long as its time beside the slowest of its table.

use std::fmt::Write as _;

use underpin_benches::{Row, Table};

const WIDTH: f64 = 900.0;
const NAME: f64 = 340.0;
const BAR: f64 = 330.0;
const LINE: f64 = 22.0;

/// The tables of a crate as SVG, on a background of its own, so that it can be read on any page.
pub(super) fn svg(title: &str, tables: &[Table]) -> String {
    let lines: usize = tables.iter().map(|table| table.rows.len() + 2).sum();
    let height = LINE * (lines as f64 + 2.0);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <title>{}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
        escape(title)
    );
    let mut y = LINE;
    for table in tables {
        y += LINE;
        let caption = format!("{} (time per {}, shorter is better)", table.title, table.unit);
        push(&mut text, 12.0, y, "font-weight=\"bold\" fill=\"#222222\"", &caption);
        let longest = table.rows.iter().map(|row| row.nanos).fold(f64::MIN_POSITIVE, f64::max);
        for row in &table.rows {
            y += LINE;
            bar(&mut text, y, row, row.nanos / longest);
        }
        y += LINE;
    }
    text.push_str("</svg>\n");
    text
}

fn bar(text: &mut String, y: f64, row: &Row, share: f64) {
    let ours = row.name.contains("underpin");
    let colour = if ours { "#2f6fab" } else { "#b9c0c8" };
    push(text, 12.0, y, "fill=\"#222222\"", &short(&row.name));
    let length = (share * BAR).max(1.0);
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "<rect x=\"{NAME}\" y=\"{:.1}\" width=\"{length:.1}\" height=\"14\" fill=\"{colour}\"/>",
        y - 11.0
    );
    let figures = format!("{:.2}, {}", row.ratio, row.time());
    push(text, NAME + length + 8.0, y, "fill=\"#222222\"", &figures);
}

fn push(text: &mut String, x: f64, y: f64, style: &str, words: &str) {
    let _ = writeln!(text, "<text x=\"{x:.1}\" y=\"{y:.1}\" {style}>{}</text>", escape(words));
}

/// As much of a name as fits before the bars.
fn short(name: &str) -> String {
    if name.chars().count() <= 52 {
        return name.to_owned();
    }
    name.chars().take(51).chain(['…']).collect()
}

fn escape(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_bar_is_the_longest_and_words_are_escaped() {
        let row =
            |name: &str, nanos| Row { name: name.into(), nanos, ratio: 1.0, ratio_low: 1.0, ratio_high: 1.0 };
        let rows = vec![row("RwLock<Arc<T>>", 100.0), row("underpin", 25.0)];
        let picture = svg("config", &[Table { title: "one read".into(), unit: "read".into(), rows }]);
        assert!(picture.contains("RwLock&lt;Arc&lt;T&gt;&gt;") && !picture.contains("RwLock<"));
        assert!(picture.contains("width=\"330.0\"") && picture.contains("width=\"82.5\""));
    }
}
