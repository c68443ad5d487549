use std::vec;

use async_trait::async_trait;

use super::connection::{RedisConnection, Request};
use crate::{Key, KeyList, KeyPattern, StoreError};

/// How many keys the server looks at for one page.
const PAGE: usize = 1_000;

/// A pass over the keys of the server that begin with a text, page by page.
pub(super) struct Scan {
    connection: RedisConnection,
    prefix: String,
    matching: String,
    /// `None` at the end.
    cursor: Option<u64>,
}

impl Scan {
    /// A pass over `<prefix><literal>*`. Neither has a character that a glob reads in another way.
    pub(super) fn new(connection: RedisConnection, prefix: String, literal: &str) -> Self {
        let matching = format!("{prefix}{literal}*");
        Self { connection, prefix, matching, cursor: Some(0) }
    }

    /// The next keys, which may be none; `None` at the end. A key may come twice.
    pub(super) async fn page(&mut self) -> Result<Option<Vec<String>>, StoreError> {
        let Some(cursor) = self.cursor else { return Ok(None) };
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(&self.matching).arg("COUNT").arg(PAGE);
        let (next, page): (u64, Vec<String>) =
            self.connection.read("list keys", Request::Command(&scan)).await?;
        self.cursor = Some(next).filter(|next| *next != 0);
        Ok(Some(page))
    }
}

/// The keys of a bucket that match a pattern.
pub(super) struct RedisKeyList {
    scan: Scan,
    pattern: KeyPattern,
    page: vec::IntoIter<String>,
}

impl RedisKeyList {
    pub(super) fn new(connection: RedisConnection, prefix: String, pattern: KeyPattern) -> Self {
        let wildcard = pattern.as_str().find(['*', '>']).unwrap_or(pattern.as_str().len());
        let literal = pattern.as_str().get(..wildcard).unwrap_or_default();
        Self { scan: Scan::new(connection, prefix, literal), pattern, page: Vec::new().into_iter() }
    }
}

#[async_trait]
impl KeyList for RedisKeyList {
    async fn next(&mut self) -> Result<Option<Key>, StoreError> {
        loop {
            for name in self.page.by_ref() {
                let key = name.strip_prefix(&self.scan.prefix).and_then(|key| Key::new(key).ok());
                if let Some(key) = key.filter(|key| self.pattern.matches(key)) {
                    return Ok(Some(key));
                }
            }
            match self.scan.page().await? {
                Some(page) => self.page = page.into_iter(),
                None => return Ok(None),
            }
        }
    }
}
