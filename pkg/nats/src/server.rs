use underpin_errors::BoxError;

use crate::NatsError;

/// The numbers of a version such as `2.10.26` or `2.11.0-RC.2`; what cannot be read counts as zero.
fn numbers(version: &str) -> (u64, u64, u64) {
    let mut parts = version.split(['.', '-']).map(|part| part.parse::<u64>().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    (next(), next(), next())
}

/// Refuses a server that is older than required.
pub(crate) fn require(feature: &'static str, required: &'static str, found: &str) -> Result<(), NatsError> {
    if numbers(found) < numbers(required) {
        return Err(NatsError::ServerTooOld { feature, required, found: found.to_owned() });
    }
    Ok(())
}

/// The API level in the answer to `$JS.API.INFO`; 0 before it was introduced with 2.11.
pub(crate) fn api_level(answer: &[u8]) -> Result<u64, BoxError> {
    let info: serde_json::Value = serde_json::from_slice(answer)?;
    Ok(info.pointer("/api/level").and_then(serde_json::Value::as_u64).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        for (required, found, fits) in [
            ("2.10.0", "2.10.0", true),
            ("2.10.0", "2.9.25", false),
            ("2.9.0", "2.10.1", true),
            ("2.11.0", "2.11.0-RC.2", true),
            ("2.10.0", "", false),
        ] {
            assert_eq!(require("x", required, found).is_ok(), fits, "{required} {found}");
        }
    }

    #[test]
    fn reads_the_api_level() {
        assert_eq!(api_level(br#"{"api":{"level":2,"total":1}}"#).unwrap(), 2);
        assert_eq!(api_level(br#"{"api":{"total":1}}"#).unwrap(), 0);
        assert!(api_level(b"").is_err());
    }
}
