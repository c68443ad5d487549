use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use http::header::AUTHORIZATION;
use underpin_config::Secret;

/// Who may see more than the probes: callers on loopback, and those with the token.
pub(super) fn is_trusted(caller: SocketAddr, headers: &HeaderMap, token: Option<&Secret<String>>) -> bool {
    is_loopback(caller.ip()) || token.is_some_and(|token| shows(headers, token.expose()))
}

fn is_loopback(caller: IpAddr) -> bool {
    caller.to_canonical().is_loopback()
}

fn shows(headers: &HeaderMap, token: &str) -> bool {
    let given = headers.get(AUTHORIZATION).map(http::HeaderValue::as_bytes).unwrap_or_default();
    given.strip_prefix(b"Bearer ").is_some_and(|given| is_equal(given, token.as_bytes()))
}

/// Compares without a shortcut at the first difference, so that the time tells nothing but the length.
fn is_equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_needs_no_token_and_others_the_whole_of_it() {
        let token = Secret::new("0123456789abcdef".to_owned());
        let outside: SocketAddr = "10.0.0.7:4000".parse().unwrap();
        let with = |value: &str| HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())]);
        assert!(is_trusted("127.0.0.1:1".parse().unwrap(), &HeaderMap::new(), None));
        assert!(is_trusted("[::ffff:127.0.0.1]:1".parse().unwrap(), &HeaderMap::new(), None));
        assert!(is_trusted(outside, &with("Bearer 0123456789abcdef"), Some(&token)));
        for wrong in ["Bearer 0123456789abcdeX", "Bearer 0123456789abcde", "0123456789abcdef", "Bearer "] {
            assert!(!is_trusted(outside, &with(wrong), Some(&token)), "{wrong}");
        }
        assert!(!is_trusted(outside, &with("Bearer 0123456789abcdef"), None));
    }
}
