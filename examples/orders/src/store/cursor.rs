use std::fmt;

use uuid::Uuid;

/// The end of a page of orders. Opaque to callers: the id of the last order, with a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor(Uuid);

const VERSION: &str = "c1-";

impl Cursor {
    /// The page after this order.
    pub(crate) fn after(id: Uuid) -> Self {
        Self(id)
    }

    /// Reads what [`fmt::Display`] wrote; nothing else is a cursor.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let hex = text.strip_prefix(VERSION).filter(|hex| hex.len() == 32)?;
        let id = Uuid::try_parse(hex).ok().filter(|id| id.get_version_num() == 7)?;
        Some(Self(id)).filter(|cursor| cursor.to_string() == text)
    }

    /// The id that every order of the next page is older than.
    pub(crate) fn id(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{VERSION}{}", self.0.simple())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_survives_the_round_trip(millis in 0..1_u64 << 48, random: [u8; 10]) {
            let cursor = Cursor::after(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid());
            prop_assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
        }

        #[test]
        fn a_text_is_a_cursor_only_if_it_is_written_like_one(text in "(c1-)?[0-9a-fA-F-]{0,40}|\\PC*") {
            if let Some(cursor) = Cursor::parse(&text) {
                prop_assert_eq!(cursor.to_string(), text);
            }
        }
    }

    #[test]
    fn nothing_else_is_a_cursor() {
        let id = Uuid::now_v7();
        for text in [
            "",
            "c1-",
            "c1-x",
            &id.to_string(),
            &format!("c2-{}", id.simple()),
            &format!("c1-{id}"),
            &format!("c1-{}", id.simple()).to_uppercase(),
            &format!("c1-{} ", id.simple()),
            "c1-00000000000000000000000000000000",
            "c1-é0000000000000000000000000000000",
        ] {
            assert_eq!(Cursor::parse(text), None, "{text:?}");
        }
    }
}
