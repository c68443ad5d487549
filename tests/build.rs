//! Makes doc tests of the code in `README.md` and `docs/`.
//!
//! What a reader need not see of a test stands in a comment of the document, which no page shows: `<!-- test before` in front of a
//! block of Rust, `<!-- test after` behind it. Here it becomes hidden lines of that block.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

const DOCUMENTS: &[&str] = &[
    "README.md",
    "docs/migrate.md",
    "docs/outbox.md",
    "docs/production.md",
    "docs/start.md",
    "docs/testing.md",
    "docs/upgrade.md",
];

/// Every page of this folder but its index has a block that runs.
const RECIPES: &str = "docs/recipes";

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    let target = Path::new(&target);
    for document in DOCUMENTS {
        let name = Path::new(document).file_name().ok_or("a document has a name")?;
        fs::write(target.join(name), prepared(&root, document)?)?;
    }
    println!("cargo::rerun-if-changed=../{RECIPES}");
    let mut pages = Vec::new();
    for entry in fs::read_dir(root.join(RECIPES))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        pages.extend(name.strip_suffix(".md").filter(|page| *page != "README").map(str::to_owned));
    }
    pages.sort();
    let mut types = String::new();
    for page in pages {
        let text = prepared(&root, &format!("{RECIPES}/{page}.md"))?;
        if !text.lines().any(|line| line == "```rust") {
            return Err(format!("{RECIPES}/{page}.md has no block of Rust that runs").into());
        }
        fs::write(target.join(format!("recipe-{page}.md")), text)?;
        let name: String = page.split('-').map(capitalized).collect();
        let file = format!("concat!(env!(\"OUT_DIR\"), \"/recipe-{page}.md\")");
        push(&mut types, &format!("#[doc = include_str!({file})]\npub struct {name};"));
    }
    fs::write(target.join("recipes.rs"), types)?;
    Ok(())
}

/// The text of a document for rustdoc.
fn prepared(root: &Path, document: &str) -> Result<String, String> {
    println!("cargo::rerun-if-changed=../{document}");
    let path = root.join(document);
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    tested(&text).map_err(|reason| format!("{document}: {reason}"))
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

/// The document with the comments as hidden lines of their blocks.
fn tested(text: &str) -> Result<String, String> {
    let mut tested = String::with_capacity(text.len());
    let mut lines = text.lines().peekable();
    // What stands before a block that has not begun yet.
    let mut before = None;
    while let Some(line) = lines.next() {
        if line == "<!-- test before" {
            before = Some(hidden(&mut lines)?);
            continue;
        }
        let is_rust = line.starts_with("```rust");
        if before.is_some() && !is_rust {
            return Err(format!("a block of Rust must follow `test before`, not {line:?}"));
        }
        if line == "<!-- test after" {
            return Err("a block of Rust must end right before `test after`".to_owned());
        }
        push(&mut tested, line);
        if is_rust {
            tested.push_str(&before.take().unwrap_or_default());
            for line in lines.by_ref().take_while(|line| *line != "```") {
                push(&mut tested, line);
            }
            if lines.next_if_eq(&"<!-- test after").is_some() {
                tested.push_str(&hidden(&mut lines)?);
            }
            push(&mut tested, "```");
        }
    }
    Ok(tested)
}

/// The lines of a comment, each of them hidden.
fn hidden<'t>(lines: &mut impl Iterator<Item = &'t str>) -> Result<String, String> {
    let mut hidden = String::new();
    for line in lines {
        if line == "-->" {
            return Ok(hidden);
        }
        push(&mut hidden, &format!("# {line}"));
    }
    Err("a comment does not end with a line `-->`".to_owned())
}

fn push(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}
