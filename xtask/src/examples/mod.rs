//! The examples: their demos, and their tests with clients and a browser.

mod demo;
mod with;

use std::fs;
use std::path::PathBuf;

pub(crate) use demo::demo;
pub(crate) use with::{With, prepare};

use crate::shell::{Done, root};

/// An example of the workspace.
#[derive(Debug)]
pub(crate) struct Example {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
}

/// The examples that are members of the workspace, by name.
pub(crate) fn all() -> Done<Vec<Example>> {
    let folder = root().join("examples");
    let entries =
        fs::read_dir(&folder).map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
    let mut found: Vec<Example> = entries
        .filter_map(Result::ok)
        .map(|entry| Example { name: entry.file_name().to_string_lossy().into_owned(), folder: entry.path() })
        // A project outside of the workspace has its own.
        .filter(|example| {
            let manifest = fs::read_to_string(example.folder.join("Cargo.toml")).unwrap_or_default();
            manifest.contains("version.workspace = true")
        })
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}
