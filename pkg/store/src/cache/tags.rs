//! How invalidations of keys, tags and everything are entries of a bucket.

use super::feed::Invalidation;
use crate::{Key, Revision, StoreError};

const TAG: &str = "tag.";
const EPOCH: &str = "tags";
const EVERYTHING: &str = "everything";

/// The entry of a key.
pub(super) fn key_of(text: &str) -> Key {
    Key::encoded(text)
}

/// The entry that invalidates a tag.
pub(super) fn tag_key(tag: &str) -> Result<Key, StoreError> {
    Key::new(&format!("{TAG}{}", Key::encoded(tag)))
}

/// The entry that is written after each invalidation of a tag.
pub(super) fn epoch_key() -> Result<Key, StoreError> {
    Key::new(EPOCH)
}

/// The entry that announces an invalidation.
pub(super) fn announcement(invalidation: &Invalidation) -> Result<Key, StoreError> {
    match invalidation {
        Invalidation::Key { key, .. } => Ok(key_of(key)),
        Invalidation::Tag { tag } => tag_key(tag),
        Invalidation::Interrupted => Key::new(EVERYTHING),
    }
}

/// What a write of an entry invalidates; none for the epoch.
pub(super) fn invalidated(key: &Key, revision: Option<Revision>) -> Option<Invalidation> {
    if key.as_str() == EPOCH {
        return None;
    }
    let invalidation = match key.as_str().strip_prefix(TAG) {
        Some(tag) => decoded(tag).map(|tag| Invalidation::Tag { tag }),
        None => decoded(key.as_str()).map(|key| Invalidation::Key { key, revision }),
    };
    // Of a hash there is no way back to the text.
    Some(invalidation.unwrap_or(Invalidation::Interrupted))
}

/// The text that [`Key::encoded`] was given; none for a hash.
fn decoded(encoded: &str) -> Option<String> {
    let digits = encoded.strip_prefix('=')?.as_bytes();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    String::from_utf8(digits.chunks(2).map(pair).collect::<Option<Vec<u8>>>()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announcement_is_read_back() {
        let key = Invalidation::Key { key: "a b".to_owned(), revision: None };
        let tag = Invalidation::Tag { tag: "tenant 7".to_owned() };
        for invalidation in [key, tag, Invalidation::Interrupted] {
            let entry = announcement(&invalidation).unwrap();
            assert_eq!(invalidated(&entry, None), Some(invalidation));
        }
        let long = Invalidation::Key { key: "x".repeat(600), revision: None };
        assert_eq!(invalidated(&announcement(&long).unwrap(), None), Some(Invalidation::Interrupted));
        assert_eq!(invalidated(&epoch_key().unwrap(), None), None);
    }
}
