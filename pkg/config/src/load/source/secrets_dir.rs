//! A directory with one secret per file, as Docker (`/run/secrets`) and Kubernetes mount it.
//!
//! The name of a file is its key: `database__password`, `database.password` and `database/password` all set
//! `database.password`. A name may carry the prefix of the environment variables (`APP_DATABASE__PASSWORD`).
//!
//! Kubernetes writes a new generation of files into a hidden directory and swaps the link `..data` to it in one step. When
//! that link is there, everything is read from the directory it points to at one moment, so that two generations never mix.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::load::key;
use crate::load::layer::Layer;
use crate::{Issue, IssueKind, Origin};

/// The largest secret: 1 MiB, which is what Kubernetes allows for a whole Secret.
const MAX_SECRET: u64 = 1 << 20;
/// Directories below the root.
const MAX_DEPTH: usize = 8;

/// Reads every secret below `root`. Nothing outside of it is read, wherever a link points.
pub(crate) fn read(root: &Path, prefix: &str) -> Layer {
    let mut layer = Layer::text();
    let generation = root.join("..data");
    let start = if generation.exists() { &generation } else { root };
    let confined = fs::canonicalize(root).and_then(|inside| Ok((inside, fs::canonicalize(start)?)));
    match confined {
        Ok((inside, start)) if start.starts_with(&inside) => {
            let mut reading = DirectoryReader { shown: root, inside, prefix, layer: &mut layer };
            reading.directory(&start, &mut Vec::new(), 0);
        }
        Ok(_) => layer.refuse(root, "its `..data` points outside of the secrets directory"),
        Err(error) => layer.refuse(root, &format!("cannot be read: {error}")),
    }
    layer
}

impl Layer {
    fn refuse(&mut self, path: &Path, message: &str) {
        self.issues.push(Issue::new(IssueKind::Unreadable, "", message).in_file(path, None));
        self.is_incomplete = true;
    }
}

struct DirectoryReader<'r> {
    /// The root as the caller wrote it, for messages.
    shown: &'r Path,
    /// The root without links.
    inside: PathBuf,
    prefix: &'r str,
    layer: &'r mut Layer,
}

impl DirectoryReader<'_> {
    fn directory(&mut self, directory: &Path, names: &mut Vec<String>, depth: usize) {
        let entries = fs::read_dir(directory).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut entries = match entries {
            Ok(entries) => entries,
            Err(error) => return self.layer.refuse(&self.shown(names), &format!("cannot be read: {error}")),
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let Ok(name) = entry.file_name().into_string() else {
                self.layer.refuse(&self.shown(names), "holds a file whose name is not UTF-8");
                continue;
            };
            if name.starts_with('.') {
                continue; // hidden files, `..data` and the generations behind it
            }
            names.push(name);
            self.entry(&entry.path(), names, depth);
            names.pop();
        }
    }

    fn entry(&mut self, path: &Path, names: &mut Vec<String>, depth: usize) {
        let shown = self.shown(names);
        let real = match fs::canonicalize(path) {
            Ok(real) => real,
            Err(error) => return self.layer.refuse(&shown, &format!("cannot be read: {error}")),
        };
        if !real.starts_with(&self.inside) {
            return self.layer.refuse(&shown, "points outside of the secrets directory");
        }
        if real.is_dir() {
            if depth >= MAX_DEPTH {
                return self.layer.refuse(&shown, "is nested too deeply");
            }
            return self.directory(&real, names, depth + 1);
        }
        match self.secret(&real) {
            Ok(text) => match self.key_of(names) {
                Some(path) => {
                    let origin = Origin::SecretFile { path: shown.into() };
                    self.layer.set_text(&path, &text, origin);
                }
                None => self.layer.refuse(&shown, "has a name that is no key"),
            },
            Err(message) => self.layer.refuse(&shown, &message),
        }
    }

    /// The content without the one newline that editors and `echo` leave at the end.
    fn secret(&self, real: &Path) -> Result<String, String> {
        let cannot = |error: io::Error| format!("cannot be read: {error}");
        if !fs::metadata(real).map_err(cannot)?.is_file() {
            return Err("is no regular file".to_owned()); // opening a pipe would wait for its writer
        }
        let mut bytes = Vec::new();
        fs::File::open(real)
            .and_then(|file| file.take(MAX_SECRET + 1).read_to_end(&mut bytes))
            .map_err(cannot)?;
        if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_SECRET) {
            return Err(format!("is larger than {MAX_SECRET} bytes"));
        }
        let mut text = String::from_utf8(bytes).map_err(|_| "is not UTF-8 text".to_owned())?;
        if text.ends_with('\n') {
            text.pop();
            if text.ends_with('\r') {
                text.pop();
            }
        }
        Ok(text)
    }

    fn key_of(&self, names: &[String]) -> Option<Vec<String>> {
        let mut path = Vec::new();
        for (index, name) in names.iter().enumerate() {
            let prefixed =
                (index == 0 && !self.prefix.is_empty()).then(|| name.strip_prefix(self.prefix)).flatten();
            for part in prefixed.unwrap_or(name).split('.') {
                path.extend(key::path_of_variable(part)?);
            }
        }
        Some(path)
    }

    fn shown(&self, names: &[String]) -> PathBuf {
        names.iter().fold(self.shown.to_owned(), |path, name| path.join(name))
    }
}
