/// The parts of `scheme://user:password@host:port/path?query` that the test kit replaces or reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UrlParts<'a> {
    /// `scheme://user:password@`, or nothing.
    pub(crate) before: &'a str,
    /// `host:port` or `host`.
    pub(crate) host: &'a str,
    /// `/path?query`, or nothing.
    pub(crate) after: &'a str,
}

impl<'a> UrlParts<'a> {
    /// Of the first server, where a comma separates several.
    pub(crate) fn of(url: &'a str) -> Self {
        let start = url.find("://").map_or(0, |at| at + 3);
        let rest = url.get(start..).unwrap_or_default();
        let authority = rest.find(['/', '?', ',']).unwrap_or(rest.len());
        let credentials = rest.get(..authority).and_then(|text| text.rfind('@')).map_or(0, |at| at + 1);
        let (host, end) = (start + credentials, start + authority);
        let part = |from: usize, to: usize| url.get(from..to).unwrap_or_default();
        Self { before: part(0, host), host: part(host, end), after: part(end, url.len()) }
    }

    /// `user` and `password` as they stand in the URL.
    pub(crate) fn credentials(self) -> (Option<&'a str>, Option<&'a str>) {
        let text = self.before.rsplit_once("://").map_or(self.before, |(_, text)| text);
        let Some(text) = text.strip_suffix('@') else { return (None, None) };
        match text.split_once(':') {
            Some((user, password)) => (Some(user), Some(password)),
            None => (Some(text), None),
        }
    }

    /// `host:port`, with `usual` where the URL has no port.
    pub(crate) fn address(self, usual: u16) -> String {
        let has_port = self.host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        if has_port { self.host.to_owned() } else { format!("{}:{usual}", self.host) }
    }
}

/// Replaces `%40` and its like; what is not an escape stays as it is.
pub(crate) fn percent_decoded(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, later @ ..] = rest {
        let escape = later.first_chunk::<2>().filter(|_| *first == b'%');
        let escape = escape.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        decoded.push(escape.unwrap_or(*first));
        rest = if escape.is_some() { later.get(2..).unwrap_or_default() } else { later };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_address_in_a_url() {
        for (url, expected) in [
            ("nats://127.0.0.1:4333", "127.0.0.1:4333"),
            ("localhost", "localhost:4222"),
            ("tls://ada:love@nats.example:4444,nats://other", "nats.example:4444"),
            ("nats://[::1]", "[::1]:4222"),
            ("nats://[::1]:4333/", "[::1]:4333"),
            ("postgres://u:p@h?sslmode=disable", "h:4222"),
        ] {
            assert_eq!(UrlParts::of(url).address(4222), expected);
        }
    }

    #[test]
    fn the_parts_make_the_url_again() {
        let url = "postgres://ada:l%40ve@host:5433/app?sslmode=disable";
        let parts = UrlParts::of(url);
        assert_eq!(format!("{}{}{}", parts.before, parts.host, parts.after), url);
        assert_eq!(parts.credentials(), (Some("ada"), Some("l%40ve")));
        assert_eq!(UrlParts::of("nats://ada@host").credentials(), (Some("ada"), None));
        assert_eq!(UrlParts::of("nats://host").credentials(), (None, None));
    }

    #[test]
    fn escapes_are_decoded_and_a_lone_percent_stays() {
        for (text, expected) in [("l%40ve", "l@ve"), ("100%", "100%"), ("%zz%", "%zz%"), ("%2525", "%25")] {
            assert_eq!(percent_decoded(text), expected);
        }
    }
}
