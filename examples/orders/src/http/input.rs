//! The inputs besides the body of an order: a header and the query.

use axum::http::HeaderMap;
use underpin_errors::input::{self, integer, parsed, text};
use underpin_errors::{Error, Violation, code};

use crate::order::CUSTOMER_LENGTH;
use crate::store::Cursor;
use crate::store::orders::Page;

const DEFAULT_LIMIT: u64 = 20;
const MOST_ORDERS: i64 = 100;
const LONGEST_KEY: usize = 255;

/// The `Idempotency-Key`, where there is one (draft-ietf-httpapi-idempotency-key-header).
///
/// # Errors
/// 400 `INVALID_IDEMPOTENCY_KEY`.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Error> {
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else { return Ok(None) };
    let key =
        value.to_str().ok().filter(|key| (1..=LONGEST_KEY).contains(&key.len()) && values.next().is_none());
    let rule = format!("must be sent once, with 1 to {LONGEST_KEY} printable ASCII characters");
    key.map(|key| Some(key.to_owned())).ok_or_else(|| {
        Error::bad_request("the idempotency key is not valid")
            .code("INVALID_IDEMPOTENCY_KEY")
            .with_violation(Violation::header("Idempotency-Key", rule))
    })
}

/// The page that `?customer=&limit=&cursor=` asks for. Every wrong parameter is named at once.
///
/// # Errors
/// 400 `INVALID_QUERY`.
pub(super) fn page(query: &[(String, String)]) -> Result<Page, Error> {
    input::query(query, |query| Page {
        customer: query.optional("customer", text(CUSTOMER_LENGTH)),
        limit: query.optional("limit", integer(1..=MOST_ORDERS)).map_or(DEFAULT_LIMIT, i64::unsigned_abs),
        cursor: query.optional("cursor", parsed("must be a `next_cursor` of a page before", Cursor::parse)),
    })
    .map_err(|violations| {
        Error::bad_request("the query is not valid").code(code::INVALID_QUERY).with_violations(violations)
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use uuid::Uuid;

    use super::*;

    fn query(pairs: &[(&str, &str)]) -> Result<Page, Vec<String>> {
        let pairs: Vec<_> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        page(&pairs).map_err(|error| {
            assert_eq!((error.http_status(), error.error_code()), (400, "INVALID_QUERY"));
            error.violations().iter().map(|violation| violation.field().into_owned()).collect()
        })
    }

    #[test]
    fn a_query_has_defaults_and_bounds() {
        assert_eq!(query(&[]), Ok(Page { customer: None, limit: 20, cursor: None }));
        let cursor = Cursor::after(Uuid::now_v7());
        assert_eq!(
            query(&[("customer", "ada"), ("limit", "100"), ("cursor", &cursor.to_string())]),
            Ok(Page { customer: Some("ada".to_owned()), limit: 100, cursor: Some(cursor) })
        );
        for limit in ["0", "101", "-1", "x", "", "1.5", "99999999999999999999"] {
            assert_eq!(query(&[("limit", limit)]), Err(vec!["limit".to_owned()]), "{limit}");
        }
    }

    #[test]
    fn every_wrong_parameter_is_named() {
        let wrong = [("cursor", "x"), ("customer", "a\0b"), ("page", "2"), ("limit", "5"), ("limit", "6")];
        let named = ["cursor", "customer", "page", "limit"].map(str::to_owned);
        assert_eq!(query(&wrong), Err(named.to_vec()));
    }

    #[test]
    fn a_key_is_sent_once_and_is_short() {
        let key = |values: &[&[u8]]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("idempotency-key", HeaderValue::from_bytes(value).unwrap());
            }
            idempotency_key(&headers).map_err(|error| error.http_status())
        };
        assert_eq!(key(&[]), Ok(None));
        assert_eq!(key(&[b"k-1"]), Ok(Some("k-1".to_owned())));
        for wrong in [&[b"".as_slice()][..], &[b"a", b"b"], &[b"\xff"], &[&[b'k'; 256]]] {
            assert_eq!(key(wrong), Err(400), "{wrong:?}");
        }
    }
}
