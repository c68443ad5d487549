//! The settings of users: JSON files in a bucket of their own, saved and read by rpc, archived by a queue group.

mod settings;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use underpin_errors::Error;
use underpin_rpc::{Method, Service};
use utoipa::ToSchema;

pub(crate) use settings::UserSettings;

/// Both sides share these constants. To save the same again changes nothing, so a call may be repeated.
pub(crate) const SAVE: Method<SaveFile, SavedFile> = Method::new("file", "save").idempotent();
pub(crate) const READ: Method<Named, Value> = Method::new("file", "read").idempotent();
/// A caller tells, and hears nothing.
pub(crate) const ARCHIVE: Method<Named, ()> = Method::new("file", "archive");

/// Settings to save.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SaveFile {
    pub(crate) filename: String,
    pub(crate) content: Value,
}

/// Settings that were saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct SavedFile {
    success: bool,
    filename: String,
    /// In bytes, as JSON without spaces.
    size: usize,
}

/// The name of settings.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Named {
    pub(crate) filename: String,
}

impl Named {
    /// What stands before `.json`.
    ///
    /// # Errors
    /// 400 `INVALID_FILENAME`.
    pub(crate) fn check(&self) -> Result<&str, Error> {
        let stem = self.filename.strip_suffix(".json").unwrap_or_default();
        let is_plain = stem.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
        if is_plain && (1..=100).contains(&stem.len()) {
            return Ok(stem);
        }
        let text = "the filename is not 1 to 100 letters, digits, `-` and `_` with `.json`";
        Err(Error::bad_request(text).code("INVALID_FILENAME"))
    }
}

/// The service `file`. Its endpoints are a queue group: one member of all processes gets a request.
pub(crate) fn service(settings: UserSettings) -> Service {
    Service::new("file", env!("CARGO_PKG_VERSION"))
        .description("the settings of users as JSON files")
        .on_with(&SAVE, settings.clone(), UserSettings::save)
        .on_with(&READ, settings.clone(), UserSettings::read)
        .on_with(&ARCHIVE, settings, UserSettings::archive)
        .limit(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filename_is_a_name_and_no_path() {
        let named = |filename: &str| Named { filename: filename.to_owned() };
        assert_eq!(named("user_123-a.json").check().unwrap(), "user_123-a");
        for wrong in
            ["", ".json", "user", "user.zip", "../user.json", "a/b.json", "a.b.json", "ü.json", "a\n.json"]
        {
            assert_eq!(named(wrong).check().unwrap_err().error_code(), "INVALID_FILENAME", "{wrong:?}");
        }
        assert!(named(&format!("{}.json", "a".repeat(101))).check().is_err());
    }
}
