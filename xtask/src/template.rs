//! `cargo xtask new`: generates a service from `examples/template`, as cargo-generate does.
//!
//! The template is laid out for cargo-generate. This needs no installation and supports what the template uses: placeholders and
//! names that end in `.liquid`.

use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::shell::{Done, root};

/// The arguments of `cargo xtask new`.
#[derive(Debug, clap::Args)]
pub(crate) struct New {
    /// The name of the service, and of its package: my-service
    name: String,
    /// The folder to make
    folder: PathBuf,
}

pub(crate) fn new(new: &New) -> Done {
    check_name(&new.name)?;
    let folder = create(&new.folder)?;
    let underpin = root().canonicalize().map_err(|error| format!("cannot find Underpin: {error}"))?;
    generate(&new.name, &folder, &relative(&folder, &underpin))?;
    println!("generated {}: cd {} && cargo run", new.name, folder.display());
    Ok(())
}

/// Creates the folder, and returns its path without links and `..`: a relative path to Underpin can only be taken from that.
fn create(folder: &Path) -> Done<PathBuf> {
    let created = fs::create_dir_all(folder).and_then(|()| folder.canonicalize());
    let path = created.map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
    if path.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(format!("{} exists and is not empty", path.display()));
    }
    Ok(path)
}

/// Writes the template into a folder, for a service of this name that takes Underpin from `underpin`.
pub(crate) fn generate(name: &str, folder: &Path, underpin: &Path) -> Done {
    check_name(name)?;
    let values = Values { name, underpin: &underpin.display().to_string() };
    copy(&root().join("examples/template"), folder, &values)
        .map_err(|error| format!("cannot generate {}: {error}", folder.display()))
}

fn check_name(name: &str) -> Done {
    let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !plain || !name.starts_with(|first: char| first.is_ascii_lowercase()) {
        return Err(format!("{name:?} is no name for a package: lower-case letters, digits and - only"));
    }
    Ok(())
}

struct Values<'a> {
    name: &'a str,
    underpin: &'a str,
}

impl Values<'_> {
    fn fill(&self, text: &str) -> String {
        let snake = self.name.replace('-', "_");
        text.replace("{{project-name}}", self.name)
            .replace("{{crate_name | shouty_snake_case}}", &snake.to_uppercase())
            .replace("{{crate_name}}", &snake)
            .replace("{{underpin}}", self.underpin)
    }
}

fn copy(from: &Path, to: &Path, values: &Values<'_>) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() {
            // A build in the template leaves this folder behind.
            if name != "target" {
                copy(&entry.path(), &to.join(name), values)?;
            }
        } else if name != "cargo-generate.toml" {
            let text = values.fill(&fs::read_to_string(entry.path())?);
            fs::write(to.join(name.strip_suffix(".liquid").unwrap_or(&name)), text)?;
        }
    }
    Ok(())
}

/// The relative path from one folder to another, both absolute and without `..`.
fn relative(from: &Path, to: &Path) -> PathBuf {
    let (from, to): (Vec<_>, Vec<_>) = (from.components().collect(), to.components().collect());
    let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = from.iter().skip(common).map(|_| Component::ParentDir);
    up.chain(to.into_iter().skip(common)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_service_holds_no_placeholder() {
        let folder = tempfile::tempdir().unwrap();
        let service = folder.path().join("new-one");
        generate("new-one", &service, Path::new("../underpin")).unwrap();
        let manifest = fs::read_to_string(service.join("Cargo.toml")).unwrap();
        assert!(manifest.contains("name = \"new-one\"") && manifest.contains("\"../underpin/pkg/errors\""));
        assert!(fs::read_to_string(service.join("src/settings.rs")).unwrap().contains("\"NEW_ONE\""));
        assert!(
            fs::read_to_string(service.join("Dockerfile"))
                .unwrap()
                .contains("\nENV NEW_ONE_HTTP__HOST=0.0.0.0\n")
        );
        assert!(!service.join("cargo-generate.toml").exists());
        let mut folders = vec![service];
        while let Some(folder) = folders.pop() {
            for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let text = fs::read_to_string(&path).unwrap();
                    assert!(!text.contains("{{"), "{}", path.display());
                }
            }
        }
    }

    /// Each way to write the folder, with links in between: the manifest must lead to the crates.
    #[test]
    fn a_generated_service_finds_the_crates_however_its_folder_is_written() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join("a/b/c")).unwrap();
        std::os::unix::fs::symlink(place.path().join("a/b/c"), place.path().join("link")).unwrap();
        for folder in
            ["plain", "slash/", "a/b/../up", "a/./dot", "link/linked", "link/../behind", "deep/er/one/"]
        {
            let folder = place.path().join(folder);
            new(&New { name: "new-one".to_owned(), folder: folder.clone() }).unwrap();
            let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
            let errors = manifest.lines().find_map(|line| line.strip_prefix("underpin-errors = { path = \""));
            let errors = errors.and_then(|rest| rest.split('"').next()).unwrap();
            assert!(folder.join(errors).join("Cargo.toml").is_file(), "{} from {}", errors, folder.display());
            assert!(new(&New { name: "new-one".to_owned(), folder }).is_err(), "it is not empty");
        }
        let refused = place.path().join("refused");
        assert!(new(&New { name: "New".to_owned(), folder: refused.clone() }).is_err());
        assert!(!refused.exists());
    }

    #[test]
    fn a_name_that_cargo_refuses_is_refused() {
        for name in ["", "New", "1st", "a b", "a/b", "-a"] {
            assert!(generate(name, Path::new("/nowhere"), Path::new("..")).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_path_between_two_folders() {
        let way = |from: &str, to: &str| relative(Path::new(from), Path::new(to)).display().to_string();
        assert_eq!(way("/a/b/new", "/a/underpin"), "../../underpin");
        assert_eq!(way("/a/underpin/x", "/a/underpin"), "..");
    }
}
