//! Times: milliseconds since 1970 where they are stored, RFC 3339 where they are shown.

use serde::Serializer;
use time::OffsetDateTime;

/// The present time.
pub(crate) fn now() -> i64 {
    i64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

/// In UTC, with three digits of a second.
pub(crate) fn rfc3339<S: Serializer>(moment: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&text(*moment))
}

/// For a time that may be absent, with `skip_serializing_if`.
pub(crate) fn optional_rfc3339<S: Serializer>(
    moment: &Option<i64>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match moment {
        Some(moment) => rfc3339(moment, serializer),
        None => serializer.serialize_none(),
    }
}

fn text(moment: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(moment) * 1_000_000);
    let time = time.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (hour, minute, second, milli) = time.to_hms_milli();
    format!("{}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z", time.date())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_in_utc() {
        assert_eq!(text(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(text(1_800_000_000_007), "2027-01-15T08:00:00.007Z");
        assert!(now() > 1_700_000_000_000);
    }
}
