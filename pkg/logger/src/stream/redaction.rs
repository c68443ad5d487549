/// The keys whose values are never written, whatever they hold.
///
/// A key is redacted when it equals a listed one or ends with it after `.`, `_` or `-`, in any case: `password` covers
/// `db_password` and `http.request.header.Authorization` is covered by `authorization`. Inside of nested values (feature
/// `nested-values`) the key is the path, with dots: `statement` in a field `db` is `db.statement`.
///
/// Looked at is the key of each field of a record, whatever way it came: tags, the pairs of slog and of `log`, and the
/// fields of `tracing` events and of the spans around them. The message, the error chain and the context are no such
/// fields, and the text of a value is not searched: what a `Debug` (`order = ?order`), a `Display` or an error prints is
/// written as it is, with keys that it may have inside, and so is a map or a struct in a key-value of `log` (`order:?`,
/// `order:serde`, `order:sval`), which `log` hands on as a text. What is secret inside of such a value is to be a
/// [`Secret`](underpin_config::Secret), which prints `[redacted]` wherever it is.
///
/// # Examples
///
/// ```
/// use underpin_logger::Redaction;
///
/// let redaction = Redaction::default().and("iban").allow("db.statement");
/// assert!(redaction.covers("customer_iban") && redaction.covers("Set-Cookie"));
/// assert!(!redaction.covers("db.statement"));
/// ```
#[derive(Debug, Clone)]
pub struct Redaction {
    /// Keys in lower case, sorted into buckets by their last letter, so that a usual key meets one or two candidates.
    buckets: [Vec<Box<str>>; 32],
    /// The length of the shortest key of each bucket: most keys are shorter, or in a bucket without any.
    shortest: [usize; 32],
}

impl Redaction {
    /// What [`Redaction::default`] lists: credentials, and the SQL text that sqlx puts into `db.statement`.
    pub const DEFAULT: [&'static str; 16] = [
        "password",
        "passwd",
        "passphrase",
        "secret",
        "token",
        "authorization",
        "cookie",
        "api_key",
        "apikey",
        "api-key",
        "access_key",
        "private_key",
        "credential",
        "credentials",
        "db.statement",
        "db.query.text",
    ];

    /// Redacts nothing by key; secrets by type stay secret.
    pub fn none() -> Self {
        Self { buckets: Default::default(), shortest: [usize::MAX; 32] }
    }

    /// Also redacts a key.
    #[must_use]
    pub fn and(mut self, key: &str) -> Self {
        let index = bucket(key);
        if let (Some(bucket), Some(shortest)) = (self.buckets.get_mut(index), self.shortest.get_mut(index))
            && !key.is_empty()
        {
            bucket.push(key.to_ascii_lowercase().into());
            *shortest = key.len().min(*shortest);
        }
        self
    }

    /// No longer redacts a key that is listed.
    #[must_use]
    pub fn allow(mut self, key: &str) -> Self {
        for (bucket, shortest) in self.buckets.iter_mut().zip(&mut self.shortest) {
            bucket.retain(|listed| !listed.eq_ignore_ascii_case(key));
            *shortest = bucket.iter().map(|listed| listed.len()).min().unwrap_or(usize::MAX);
        }
        self
    }

    /// Whether the value of `key` is kept out of the log.
    #[inline]
    pub fn covers(&self, key: &str) -> bool {
        self.shortest.get(bucket(key)).is_some_and(|shortest| key.len() >= *shortest) && self.lists(key)
    }

    fn lists(&self, key: &str) -> bool {
        let Some(candidates) = self.buckets.get(bucket(key)) else { return false };
        candidates.iter().any(|listed| {
            let Some(cut) = key.len().checked_sub(listed.len()) else { return false };
            let Some((before, tail)) = key.as_bytes().split_at_checked(cut) else { return false };
            tail.eq_ignore_ascii_case(listed.as_bytes())
                && matches!(before.last(), None | Some(b'.' | b'_' | b'-'))
        })
    }
}

impl Default for Redaction {
    fn default() -> Self {
        Self::DEFAULT.into_iter().fold(Self::none(), Self::and)
    }
}

/// The empty key is in the bucket of those that end with `@`, which is as good as any.
#[inline]
fn bucket(key: &str) -> usize {
    key.as_bytes().last().map_or(0, |last| usize::from(last & 31))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_covered_whole_or_at_the_end_of_a_longer_name() {
        let redaction = Redaction::default();
        for key in [
            "password",
            "PASSWORD",
            "db.password",
            "user_password",
            "X-Api-Key",
            "csrf_token",
            "db.statement",
        ] {
            assert!(redaction.covers(key), "{key}");
        }
        for key in ["", "order_id", "passwords", "nopassword", "tokenizer", "statement", "secretary", "d"] {
            assert!(!redaction.covers(key), "{key}");
        }
        assert!(!Redaction::none().covers("password"));
    }
}
