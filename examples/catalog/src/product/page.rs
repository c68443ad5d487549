#![allow(unused_qualifications, reason = "utoipa writes paths in full")]

use serde::{Deserialize, Serialize};
use underpin_errors::Error;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::Product;

/// Which page of the products.
///
/// A cursor names the last product of the page before. What is inserted meanwhile is newer than every cursor, so it neither moves nor
/// repeats a product; an offset would do both.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// 1 to 100; 20 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// A page of products, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// The products.
    pub products: Vec<Product>,
    /// Where the next page begins; none on the last one.
    pub next_cursor: Option<Uuid>,
}

/// A page and where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Listing {
    /// The newest first.
    pub products: Vec<Product>,
    /// Where the next page begins; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub next_cursor: Option<Uuid>,
    /// Whether no query was made for it.
    pub from_cache: bool,
}

impl PageQuery {
    /// The page of `limit` products after a cursor.
    pub fn new(limit: u32, cursor: Option<Uuid>) -> Self {
        Self { limit: Some(limit), cursor: cursor.map(|cursor| cursor.to_string()) }
    }

    /// How many, and after which id.
    ///
    /// # Errors
    /// 400 `INVALID_QUERY`.
    pub(crate) fn check(&self) -> Result<(u32, Option<Uuid>), Error> {
        let invalid = |text: &'static str| Error::bad_request(text).code("INVALID_QUERY");
        let limit = self.limit.unwrap_or(20);
        if !(1..=100).contains(&limit) {
            return Err(invalid("limit must be from 1 to 100"));
        }
        let cursor = self.cursor.as_deref().map(Uuid::try_parse).transpose();
        Ok((limit, cursor.map_err(|_| invalid("cursor must be the next_cursor of a page before"))?))
    }
}

impl Page {
    /// Of one product more than asked for, which tells whether there is a next page.
    pub(crate) fn of(mut products: Vec<Product>, limit: u32) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = products.len() > limit;
        products.truncate(limit);
        let next_cursor = products.last().filter(|_| more).map(|product| product.id);
        Self { products, next_cursor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Change;

    #[test]
    fn the_last_page_has_no_cursor() {
        let products: Vec<_> = (0..3).map(|_| Product::new(&Change::new("tea", 1))).collect();
        assert_eq!(Page::of(products.clone(), 3).next_cursor, None);
        let page = Page::of(products.clone(), 2);
        assert_eq!((page.products.len(), page.next_cursor), (2, products.get(1).map(|product| product.id)));
        assert_eq!(Page::of(Vec::new(), 2).next_cursor, None);
    }

    #[test]
    fn what_is_no_page_is_refused() {
        assert_eq!(PageQuery::default().check().unwrap(), (20, None));
        for wrong in [PageQuery::new(0, None), PageQuery::new(101, None)] {
            assert_eq!(wrong.check().unwrap_err().error_code(), "INVALID_QUERY");
        }
        let cursor = PageQuery { limit: None, cursor: Some("next".to_owned()) };
        assert_eq!(cursor.check().unwrap_err().error_code(), "INVALID_QUERY");
    }
}
