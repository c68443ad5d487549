//! Where a link may lead.

use axum::http::Uri;
use underpin_errors::Error;

/// Browsers and proxies take longer ones; few people do.
const LONGEST: usize = 2048;

/// The host of an `http` or `https` URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HttpAddress {
    host: String,
}

impl HttpAddress {
    /// None for another scheme, such as `javascript:`, and for a URL with a user name, which hides where it leads.
    pub(crate) fn of(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
        let host = authority.host().trim_end_matches('.').to_ascii_lowercase();
        let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
        (is_web && !host.is_empty()).then_some(Self { host })
    }

    /// Checks the target of a link of this service.
    ///
    /// # Errors
    /// 400 `INVALID_URL`; `OWN_ADDRESS` for a target that is this service, which could redirect in a circle.
    pub(super) fn check_target(&self, url: &str) -> Result<(), Error> {
        let invalid = |problem: &'static str| Err(Error::bad_request(problem).code("INVALID_URL"));
        if url.len() > LONGEST {
            return invalid("the URL has more than 2048 bytes");
        }
        // Browsers read `\` as `/`, and a header takes no control characters.
        if !url.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
            return invalid("the URL has characters that are not escaped");
        }
        match Self::of(url) {
            None => invalid("the URL is not an http or https URL without a user name"),
            Some(target) if target == *self => {
                Err(Error::bad_request("the URL leads to this service").code("OWN_ADDRESS"))
            }
            Some(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(url: &str) -> Option<String> {
        let own = HttpAddress::of("https://sho.rt").unwrap();
        own.check_target(url).err().map(|error| error.error_code().to_owned())
    }

    #[test]
    fn a_link_leads_to_another_web_server() {
        for good in ["https://example.org", "HTTP://example.org:8080/a?b=c#d", "http://[2001:db8::1]/%20"] {
            assert_eq!(code(good), None, "{good}");
        }
        let long = format!("https://example.org/{}", "x".repeat(LONGEST));
        for wrong in [
            "",
            "example.org",
            "/path",
            "javascript:alert(1)",
            "JavaScript://example.org/%0Aalert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "https://user@example.org",
            "https://good.example\\@evil.example",
            "https://example.org/a b",
            "https://example.org/#\r\nset-cookie: a=b",
            "https://",
            &long,
        ] {
            assert_eq!(code(wrong).as_deref(), Some("INVALID_URL"), "{wrong:?}");
        }
        for own in ["https://sho.rt/abcd", "http://SHO.RT./", "https://sho.rt:443", "http://sho.rt:8080/x"] {
            assert_eq!(code(own).as_deref(), Some("OWN_ADDRESS"), "{own}");
        }
    }
}
