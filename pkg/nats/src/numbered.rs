//! Answers that carry a number as the last token of their subject.

use std::fmt::Write;

use async_nats::{Message, Subject, Subscriber};
use futures_util::StreamExt;

/// The next answer with its number; none once the subscription has ended.
///
/// # Cancel safety
/// Cancel safe.
pub(crate) async fn next(subscriber: &mut Subscriber) -> Option<(u64, Message)> {
    loop {
        let message = subscriber.next().await?;
        if let Some(number) = number_of(&message.subject) {
            return Some((number, message));
        }
    }
}

/// The subject for the answer with this number, in a single allocation.
pub(crate) fn subject(inbox: &str, number: u64) -> Subject {
    let digits = number.checked_ilog10().map_or(1, |log| log as usize + 1);
    let mut subject = String::with_capacity(inbox.len() + 1 + digits);
    subject.push_str(inbox);
    let written = write!(subject, ".{number}");
    debug_assert!(written.is_ok(), "a string takes everything");
    subject.into()
}

fn number_of(subject: &str) -> Option<u64> {
    subject.rsplit_once('.')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_the_last_token_of_the_subject() {
        assert_eq!(number_of("_INBOX.abc.0"), Some(0));
        assert_eq!(number_of("_INBOX.7.18446744073709551615"), Some(u64::MAX));
        for number in [0, 9, 10, u64::MAX] {
            assert_eq!(number_of(&subject("_INBOX.7", number)), Some(number));
        }
        for bad in ["", "7", "_INBOX.abc.", "_INBOX.abc.x", "_INBOX.abc.-1"] {
            assert_eq!(number_of(bad), None, "{bad}");
        }
    }
}
