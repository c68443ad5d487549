//! The links of the documents: each relative one leads to a file or folder that exists, and its fragment to a heading.

use std::fs;
use std::path::{Path, PathBuf};

use crate::shell::Done;

/// The links of every Markdown file below the root that lead nowhere, a line for each.
pub(super) fn check(root: &Path) -> Done<Vec<String>> {
    let mut wrong = Vec::new();
    for document in documents(root)? {
        let text = read(&document)?;
        let name = document.strip_prefix(root).unwrap_or(&document).display().to_string();
        for link in links(&text) {
            if let Some(reason) = broken(&document, link)? {
                wrong.push(format!("{name}: {link} {reason}"));
            }
        }
    }
    Ok(wrong)
}

/// What is wrong with a link of this document.
fn broken(document: &Path, link: &str) -> Done<Option<&'static str>> {
    let (path, fragment) = link.split_once('#').unwrap_or((link, ""));
    let target = match path {
        "" => document.to_owned(),
        path => document.parent().unwrap_or(document).join(path),
    };
    if !target.exists() {
        return Ok(Some("leads to no file"));
    }
    let is_document = target.extension().is_some_and(|extension| extension == "md");
    if fragment.is_empty() || !is_document {
        return Ok(None);
    }
    let text = read(&target)?;
    let found =
        outside_of_code(&text).filter(|line| line.starts_with('#')).any(|line| slug(line) == fragment);
    Ok((!found).then_some("leads to no heading"))
}

fn read(path: &Path) -> Done<String> {
    fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

/// The Markdown files, without those of build output and of installed packages.
fn documents(folder: &Path) -> Done<Vec<PathBuf>> {
    let cannot = |error| format!("cannot read {}: {error}", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(cannot)?.filter_map(Result::ok) {
        let (path, name) = (entry.path(), entry.file_name());
        let is_output = name == "target" || name == "node_modules" || name.to_string_lossy().starts_with('.');
        if path.is_dir() && !is_output {
            found.extend(documents(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The targets of `[text](target)`, without those on other hosts.
fn links(text: &str) -> impl Iterator<Item = &str> {
    outside_of_code(text)
        .flat_map(|line| line.split("](").skip(1))
        .filter_map(|rest| rest.split([')', ' ']).next())
        .filter(|link| !link.contains("://") && !link.starts_with("mailto:"))
}

/// The lines that stand in no fenced block.
fn outside_of_code(text: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

/// The fragment of a heading: its words in lower case, with hyphens, without punctuation.
fn slug(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = words.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
    kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_a_missing_file_or_heading_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("b.md", "# Two databases\n```sh\n# no heading\n```\n");
        write(
            "a.md",
            "[file](b.md), [heading](b.md#two-databases), [web](https://example.com/x)\n```md\n[code](c.md)\n```\n\
             [gone](c.md) and [none](b.md#no-heading \"title\")\n",
        );
        let expected = ["a.md: c.md leads to no file", "a.md: b.md#no-heading leads to no heading"];
        assert_eq!(check(folder.path()).unwrap(), expected);
    }
}
