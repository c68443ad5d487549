//! Profile files: `app.production.toml` beside `app.toml`.

use std::path::{Path, PathBuf};

use crate::load::layer::Layer;
use crate::load::source::toml;
use crate::{Issue, IssueKind};

/// The layers of a profile. At least one of the files must be there: a mistyped profile is an error, not the defaults.
pub(crate) fn layers<'f>(
    name: &str,
    selected_by: Option<&str>,
    files: impl Iterator<Item = &'f Path>,
) -> Vec<Layer> {
    let by = selected_by.map(|variable| format!(" selected by {variable}")).unwrap_or_default();
    let wrong = |message: String| vec![Layer::broken(vec![Issue::new(IssueKind::Unreadable, "", message)])];
    // The name becomes a part of a file name: no separators, no parent directories.
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) {
        return wrong(format!("the profile{by} has a name that is not made of letters, digits, `-` and `_`"));
    }
    let files: Vec<&Path> = files.collect();
    let candidates = files.iter().filter_map(|file| file_of(file, name));
    let present: Vec<PathBuf> = candidates.filter(|file| file.symlink_metadata().is_ok()).collect();
    if present.is_empty() {
        let known = known(&files);
        let there = match known.as_slice() {
            [] => "there is no profile file beside the configuration files".to_owned(),
            known => format!("there are: {}", known.join(", ")),
        };
        return wrong(format!("the profile{by} has no file; {there}"));
    }
    present.iter().map(|file| toml::read(file)).collect()
}

/// `app.toml` and `production` make `app.production.toml`.
pub(crate) fn file_of(file: &Path, profile: &str) -> Option<PathBuf> {
    let stem = file.file_stem()?.to_str()?;
    let name = match file.extension().and_then(|extension| extension.to_str()) {
        Some(extension) => format!("{stem}.{profile}.{extension}"),
        None => format!("{stem}.{profile}"),
    };
    Some(file.with_file_name(name))
}

/// A file and its profile files, sorted.
#[cfg(feature = "watch")]
pub(crate) fn family(file: &Path) -> Vec<PathBuf> {
    let profiles = known(&[file]);
    std::iter::once(file.to_owned())
        .chain(profiles.iter().filter_map(|profile| file_of(file, profile)))
        .collect()
}

/// The profiles that have a file. The one that was asked for is not repeated in the message, because it is a value.
fn known(files: &[&Path]) -> Vec<String> {
    let mut known = Vec::new();
    for file in files {
        let directory =
            file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let (Some(stem), Ok(entries)) =
            (file.file_stem().and_then(|stem| stem.to_str()), directory.read_dir())
        else {
            continue;
        };
        let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        for entry in entries.flatten() {
            let name = entry.file_name();
            let between = name.to_str().and_then(|name| {
                name.strip_prefix(stem)?.strip_prefix('.')?.strip_suffix(extension)?.strip_suffix('.')
            });
            known.extend(between.filter(|profile| !profile.is_empty()).map(str::to_owned));
        }
    }
    known.sort();
    known.dedup();
    known
}
