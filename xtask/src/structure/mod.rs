//! The structure of each crate in `pkg/`, of the test kit, the tests and the benches: module cycles, types with one definition, and size;
//! and the links of the documents.
//!
//! [`source`] reads a crate as the compiler would find it: the modules from `lib.rs` down, without what is compiled for tests only.
//! [`cycles`], [`names`] and [`sizes`] each check one rule on it; [`examples`] checks the form of the examples, [`links`] what the documents link. The rules and their exceptions stand at the top of their files.

mod cycles;
mod examples;
mod links;
mod names;
mod paths;
mod sizes;
mod source;

use std::fs;

use crate::shell::{Done, root};
use source::Crate;

/// Checks all crates, and reports every violation at once.
pub(crate) fn check() -> Done {
    let crates = crates()?;
    let mut wrong = Vec::new();
    for one in &crates {
        wrong.extend(names::check(one));
        wrong.extend(cycles::check(one));
        let (size, over) = sizes::check(one);
        println!("{size}");
        wrong.extend(over);
    }
    wrong.extend(names::unused(&crates));
    for example in crate::examples::all()? {
        wrong.extend(examples::check(&example)?);
    }
    wrong.extend(links::check(&root())?);
    if wrong.is_empty() { Ok(()) } else { Err(format!("structure:\n  {}", wrong.join("\n  "))) }
}

/// The crates of `pkg/`, by name, and those that only tests use.
fn crates() -> Done<Vec<Crate>> {
    let folder = root().join("pkg");
    let entries =
        fs::read_dir(&folder).map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
    let mut folders: Vec<_> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    folders.retain(|folder| folder.join("src/lib.rs").is_file());
    folders.sort();
    folders.extend(["testkit", "tests", "benches"].map(|name| root().join(name)));
    folders.iter().map(|folder| Crate::read(folder)).collect()
}
