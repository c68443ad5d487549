use object_store::path::Path;
use percent_encoding::percent_decode_str;

use crate::{ObjectName, StoreError};

/// The path of a name: the name itself, with what a path cannot have in percent encoding.
pub(super) fn of(name: &ObjectName) -> Result<Path, StoreError> {
    let path = Path::from(name.as_str());
    // Empty parts are dropped by paths.
    if text_of(&path).as_deref() != Some(name.as_str()) {
        return Err(StoreError::InvalidName { problem: "`/` must separate parts that are not empty" });
    }
    Ok(path)
}

pub(super) fn name_of(path: &Path) -> Option<ObjectName> {
    ObjectName::new(text_of(path)?).ok()
}

/// The folder in which all names with a prefix are.
pub(super) fn folder_of(prefix: &str) -> Option<Path> {
    prefix.rsplit_once('/').map(|(folder, _)| Path::from(folder))
}

fn text_of(path: &Path) -> Option<String> {
    percent_decode_str(path.as_ref()).decode_utf8().ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_the_way_through_a_path() {
        for text in ["a", "a b/100%", "ü/\u{1f600}", "a*b>c?d#e", "..", "a/../b", "%2F"] {
            let name = ObjectName::new(text).unwrap();
            assert_eq!(name_of(&of(&name).unwrap()).as_ref(), Some(&name), "{text}");
        }
        for text in ["/a", "a/", "a//b", "/"] {
            assert!(of(&ObjectName::new(text).unwrap()).is_err(), "{text}");
        }
        assert_eq!(folder_of("a/b/c"), Some(Path::from("a/b")));
        assert_eq!(folder_of("a"), None);
    }
}
