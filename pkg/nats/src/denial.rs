use async_nats::{ServerError, Subject};

/// A subject that the server's permissions forbid.
///
/// The server reports it asynchronously, as `-ERR 'Permissions Violation for Publish to "orders.1"'`, and sends no other
/// answer to the message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Denial {
    /// Messages to this subject are refused.
    #[error("the server's permissions forbid to publish to `{0}`")]
    Publish(Subject),
    /// Subscriptions to this subject are refused.
    #[error("the server's permissions forbid to subscribe to `{0}`")]
    Subscribe(Subject),
}

impl Denial {
    /// Reads the error of a server; none when it is about something else.
    pub(crate) fn parse(error: &ServerError) -> Option<Self> {
        let ServerError::Other(text) = error else { return None };
        let rest = strip_prefix(text, "permissions violation for ")?;
        let (act, quoted) = rest.split_once('"')?;
        let subject = Subject::from(quoted.split_once('"')?.0);
        let act = act.trim().to_ascii_lowercase();
        // A reply subject that is refused is refused as the reply of another subject, which is not named.
        match act.as_str() {
            "publish to" => Some(Self::Publish(subject)),
            "subscription to" => Some(Self::Subscribe(subject)),
            _ => None,
        }
    }
}

fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let start = text.get(..prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then(|| text.get(prefix.len()..))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_subject() {
        let parse = |text: &str| Denial::parse(&ServerError::Other(text.to_owned()));
        let publish = parse("Permissions Violation for Publish to \"a.b\"");
        assert_eq!(publish, Some(Denial::Publish("a.b".into())));
        let subscribe = parse("Permissions Violation for Subscription to \"_INBOX.x.*\" using queue \"q\"");
        assert_eq!(subscribe, Some(Denial::Subscribe("_INBOX.x.*".into())));
        for other in
            ["", "Permissions Violation", "maximum payload exceeded", "permissions violation for publish"]
        {
            assert_eq!(parse(other), None, "{other}");
        }
        assert_eq!(Denial::parse(&ServerError::AuthorizationViolation), None);
    }
}
