#![allow(unused_qualifications, reason = "utoipa writes paths in full")]

use jiff::Timestamp;
use serde::Serialize;
use underpin_objects::ObjectDigest;
use utoipa::ToSchema;
use uuid::Uuid;

/// A file.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct FileRecord {
    #[schema(value_type = String)]
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) content_type: String,
    /// In bytes.
    pub(crate) size: u64,
    /// In hexadecimal. In the row of an upload in one request it is empty until the data has come.
    pub(crate) sha256: String,
    /// When the upload began: the time in the id, so that the order of ids is that of time.
    pub(crate) created_at: String,
    /// `pending`, `ready` or `deleted`.
    #[serde(skip)]
    pub(super) state: String,
}

impl FileRecord {
    pub(super) fn created_at(id: Uuid) -> String {
        let (seconds, _) = id.get_timestamp().map_or((0, 0), |timestamp| timestamp.to_unix());
        Timestamp::from_second(seconds.cast_signed()).unwrap_or_default().to_string()
    }

    pub(super) fn is_ready(&self) -> bool {
        self.state == "ready"
    }

    /// What a pending row has announced, if anything.
    pub(super) fn announced(&self) -> Option<ObjectDigest> {
        parse_digest(&self.sha256).filter(|_| self.state == "pending")
    }
}

/// A SHA-256 in hexadecimal, as `sha256sum` prints it.
pub(crate) fn parse_digest(hex: &str) -> Option<ObjectDigest> {
    let digits: Option<Vec<u32>> = hex.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() == 64)?;
    let bytes =
        digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| (byte << 4) | *digit as u8));
    bytes.collect::<Vec<u8>>().try_into().ok().map(ObjectDigest::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_sixty_four_digits() {
        let digest = ObjectDigest::of("hello");
        assert_eq!(parse_digest(&digest.to_string()), Some(digest));
        assert_eq!(parse_digest(&digest.to_string().to_uppercase()), Some(digest));
        for wrong in ["", "2c", &"g".repeat(64), &"0".repeat(63), &"0".repeat(65), &"ü".repeat(32)] {
            assert_eq!(parse_digest(wrong), None, "{wrong}");
        }
    }
}
