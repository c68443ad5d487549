//! The form of the examples: sizes, what their READMEs hold, and that a test runs every console block.

use std::fs;
use std::path::{Path, PathBuf};

use crate::examples::Example;
use crate::shell::Done;

/// The lines of one file, tests included.
const FILE: usize = 150;

/// The lines of all files in `src`, without tests, comments and blank lines.
const EXAMPLE: std::ops::RangeInclusive<usize> = 700..=1_300;

/// The sections of a README, by the beginning of their headings.
const SECTIONS: &[&str] = &["Why", "When not", "What happens when", "API", "Reading order"];

/// Older than the rules about sizes and sections: it is the service that the guides refer to.
const REFERENCE: &str = "orders";

/// What is wrong with an example, a line for each.
pub(super) fn check(example: &Example) -> Done<Vec<String>> {
    let name = &example.name;
    let mut wrong = Vec::new();
    let readme = fs::read_to_string(example.folder.join("README.md")).unwrap_or_default();
    let tests = files(&example.folder.join("tests"))?;
    let runs = |document: &str| {
        tests.iter().any(|path| {
            fs::read_to_string(path).is_ok_and(|text| text.contains("Console") && text.contains(document))
        })
    };
    for document in ["README.md", "demo.console"] {
        let text = fs::read_to_string(example.folder.join(document)).unwrap_or_default();
        if text.contains("$ ") && (document != "README.md" || text.contains("```console")) && !runs(document)
        {
            wrong
                .push(format!("{name}: no test runs the commands of {document} (underpin_testkit::Console)"));
        }
    }
    if name == REFERENCE {
        return Ok(wrong);
    }
    let headings: Vec<&str> = readme.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    for section in SECTIONS {
        if !headings.iter().any(|heading| heading.starts_with(section)) {
            wrong.push(format!("{name}: README.md has no section `{section}`"));
        }
    }
    let sources = files(&example.folder.join("src"))?;
    let mut all = 0;
    for path in sources.iter().chain(&tests) {
        let text = fs::read_to_string(path).unwrap_or_default();
        let lines = text.lines().count();
        if sources.contains(path) {
            all += code_lines(&text);
        }
        if lines > FILE {
            let path = path.strip_prefix(&example.folder).unwrap_or(path).display();
            wrong.push(format!("{name}: {path} has {lines} lines, at most {FILE} fit"));
        }
    }
    println!("{name}: {all} code lines of {} to {}", EXAMPLE.start(), EXAMPLE.end());
    if !EXAMPLE.contains(&all) {
        wrong.push(format!("{name}: {all} code lines in src, not {} to {}", EXAMPLE.start(), EXAMPLE.end()));
    }
    Ok(wrong)
}

/// Unit tests stand at the end of a file.
fn code_lines(text: &str) -> usize {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

/// The files with Rust below a folder.
fn files(folder: &Path) -> Done<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(format!("cannot read {}: {error}", folder.display())),
    };
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        if path.is_dir() {
            found.extend(files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    #[test]
    fn comments_and_tests_are_no_code() {
        let text = "//! Story.\n\nuse a::B;\n\n/// Docs.\nfn f() {}\n\n#[cfg(test)]\nmod tests {}\n";
        assert_eq!(super::code_lines(text), 2);
    }
}
