//! The commands of a document, and what they print.

/// A command and its output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// The line of the document, from 1.
    pub(super) line: usize,
    pub(super) command: String,
    /// What stands below the command, line by line.
    pub(super) output: Vec<String>,
    /// Where the output stands: indices of lines, from 0.
    pub(super) range: std::ops::Range<usize>,
}

/// What there is to do, in the order of the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    Step(Step),
    /// A line of a tour that tells what comes.
    Note(String),
}

/// Reads the `console` blocks of a Markdown document, or a whole tour: the lines of a file that does not end in `.md`.
///
/// A command begins with `$ `. It goes on below a line that ends in `\`, and on lines that begin with `> `. The lines after it are its
/// output. In a tour a line that begins with `# ` is a note, and an empty line ends an output.
pub(super) fn items(text: &str, is_markdown: bool) -> Vec<Item> {
    let lines: Vec<&str> = text.lines().collect();
    let mut items = Vec::new();
    let mut inside = !is_markdown;
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        at += 1;
        if is_markdown && line.starts_with("```") {
            inside = !inside && *line == "```console";
        } else if let (true, Some(first)) = (inside, line.strip_prefix("$ ")) {
            let number = at;
            let mut command = first.to_owned();
            while let Some(next) = lines.get(at).and_then(|next| continuation(&command, next)) {
                command.push('\n');
                command.push_str(next);
                at += 1;
            }
            let start = at;
            while lines.get(at).is_some_and(|line| !ends(line, is_markdown)) {
                at += 1;
            }
            let output = lines.get(start..at).unwrap_or_default();
            items.push(Item::Step(Step {
                line: number,
                command,
                output: output.iter().map(|line| (*line).to_owned()).collect(),
                range: start..at,
            }));
        } else if let (true, false, Some(note)) = (inside, is_markdown, line.strip_prefix("# ")) {
            items.push(Item::Note(note.to_owned()));
        }
    }
    items
}

fn continuation<'t>(command: &str, next: &'t str) -> Option<&'t str> {
    if command.ends_with('\\') { Some(next) } else { next.strip_prefix("> ") }
}

fn ends(line: &str, is_markdown: bool) -> bool {
    line.starts_with("$ ")
        || if is_markdown { line.starts_with("```") } else { line.is_empty() || line.starts_with("# ") }
}

/// The document with other outputs: each for the step whose output stands in that range, in order.
pub(super) fn with_outputs(text: &str, outputs: &[(Step, Vec<String>)]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for (step, output) in outputs.iter().rev() {
        lines.splice(step.range.clone(), output.iter().cloned());
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(text: &str, is_markdown: bool) -> Vec<(usize, String, Vec<String>)> {
        let items = items(text, is_markdown).into_iter();
        items
            .filter_map(|item| match item {
                Item::Step(step) => Some((step.line, step.command, step.output)),
                Item::Note(_) => None,
            })
            .collect()
    }

    #[test]
    fn reads_console_blocks_only() {
        let text = "# A\n```sh\n$ no\n```\n```console\n$ one \\\n    --more\nout\n\nrest\n$ two\n> three\n```\n$ not this\n";
        let out = vec!["out".to_owned(), String::new(), "rest".to_owned()];
        assert_eq!(
            steps(text, true),
            [(6, "one \\\n    --more".to_owned(), out), (11, "two\nthree".to_owned(), vec![])]
        );
    }

    #[test]
    fn reads_a_tour_with_notes() {
        let text = "# First\n$ one\n1\n\n# Second\n$ two\n";
        assert_eq!(steps(text, false).len(), 2);
        assert_eq!(items(text, false).first(), Some(&Item::Note("First".to_owned())));
    }

    #[test]
    fn outputs_are_replaced_where_they_stand() {
        let text = "$ one\n1\n$ two\n$ three\n3\n";
        let Some(Item::Step(two)) = items(text, false).into_iter().nth(1) else { panic!("a step") };
        assert_eq!(with_outputs(text, &[(two, vec!["2".to_owned()])]), "$ one\n1\n$ two\n2\n$ three\n3\n");
    }
}
