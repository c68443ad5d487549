//! What may be a name, a version and a subject: the rules of NATS micro (ADR-32) and of NATS subjects.

use crate::error::RpcError;

/// Names of services, endpoints and queue groups.
pub(crate) fn check_name(what: &'static str, name: &str) -> Result<(), RpcError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    if name.is_empty() || name.len() > 128 || !name.bytes().all(allowed) {
        return Err(RpcError::invalid(format!(
            "{what} `{}` must be 1 to 128 letters, digits, `-` or `_`",
            printable(name)
        )));
    }
    Ok(())
}

/// A subject without wildcards.
pub(crate) fn check_subject(subject: &str) -> Result<(), RpcError> {
    let token = |token: &str| {
        let bytes = |byte: u8| byte.is_ascii_graphic() && !b"*>".contains(&byte);
        !token.is_empty() && token.bytes().all(bytes)
    };
    if subject.len() > 1024 || !subject.split('.').all(token) {
        return Err(RpcError::invalid(format!(
            "subject `{}` must be tokens of printable ASCII, separated by dots, without wildcards",
            printable(subject)
        )));
    }
    Ok(())
}

/// A semantic version, as NATS micro requires it: `1.4.0`, `2.0.0-rc.1+build`.
pub(crate) fn check_version(version: &str) -> Result<(), RpcError> {
    let (rest, build) = version.split_once('+').map_or((version, None), |(rest, build)| (rest, Some(build)));
    let (numbers, pre) = rest.split_once('-').map_or((rest, None), |(rest, pre)| (rest, Some(pre)));
    let number =
        |part: &str| part.bytes().all(|b| b.is_ascii_digit()) && (part == "0" || !part.starts_with('0'));
    let identifier = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let numeric = |part: &str| !part.bytes().all(|b| b.is_ascii_digit()) || number(part);
    let valid = numbers.split('.').count() == 3
        && numbers.split('.').all(|part| !part.is_empty() && number(part))
        && pre.is_none_or(|pre| pre.split('.').all(|part| identifier(part) && numeric(part)))
        && build.is_none_or(|build| build.split('.').all(identifier));
    if valid {
        return Ok(());
    }
    Err(RpcError::invalid(format!(
        "version `{}` must be a semantic version such as `1.0.0`",
        printable(version)
    )))
}

fn printable(text: &str) -> String {
    text.chars().take(64).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["a", "order-service_2", "A"] {
            assert!(check_name("name", good).is_ok(), "{good}");
        }
        for bad in ["", "a.b", "a b", "\u{e9}", "a>", &"x".repeat(129)] {
            assert!(check_name("name", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn subjects() {
        for good in ["a", "math.add.v2", "$SRV.PING", "files.{id}"] {
            assert!(check_subject(good).is_ok(), "{good}");
        }
        for bad in ["", ".a", "a.", "a..b", "a.*", ">", "a b", "a\r\nPUB b", "\u{e9}"] {
            assert!(check_subject(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn versions() {
        for good in ["0.0.0", "1.2.3", "1.0.0-rc.1", "1.0.0-alpha-1+build.5", "10.20.30", "1.0.0+001"] {
            assert!(check_version(good).is_ok(), "{good}");
        }
        for bad in ["", "1", "1.0", "1.0.0.0", "01.0.0", "1.0.0-", "1.0.0-01", "1.0.0+", "v1.0.0", "1..0"] {
            assert!(check_version(bad).is_err(), "{bad}");
        }
    }
}
