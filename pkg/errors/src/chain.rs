use std::error::Error as StdError;
use std::fmt::{self, Write as _};

/// The texts of an error and its causes, outermost first, each once.
///
/// Many libraries repeat their cause in their own text (`"query failed: connection refused"` over
/// `"connection refused"`); a cause that the text before it already ends with is skipped.
///
/// # Examples
/// ```
/// let refused = std::io::Error::other("connection refused");
/// let error = underpin_errors::Error::wrap(underpin_errors::Kind::Unavailable, refused, "load order");
/// assert_eq!(underpin_errors::chain(&error).collect::<Vec<_>>(), ["load order", "connection refused"]);
/// ```
pub fn chain<'a>(error: &'a (dyn StdError + 'a)) -> impl Iterator<Item = String> + 'a {
    let mut next = Some(error);
    let mut last: Option<String> = None;
    // The limit ends the walk over an error that names itself as its own source.
    let mut left = MAX_LAYERS;
    std::iter::from_fn(move || {
        loop {
            let layer = next.take_if(|_| left > 0)?;
            left -= 1;
            next = layer.source().map(|source| source as &(dyn StdError + 'a));
            let text = text_of(layer);
            if last.as_deref().is_some_and(|last| ends_with_cause(last, &text)) {
                continue;
            }
            last = Some(text.clone());
            return Some(text);
        }
    })
}

/// Prints an error and its causes in one line, joined with `": "`, each once; see [`chain`].
///
/// # Examples
/// ```
/// let error = std::io::Error::other("disk full");
/// assert_eq!(underpin_errors::Report(&error).to_string(), "disk full");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Report<'a>(pub &'a (dyn StdError + 'a));

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, text) in chain(self.0).enumerate() {
            if index > 0 {
                f.write_str(": ")?;
            }
            f.write_str(&text)?;
        }
        Ok(())
    }
}

const MAX_LAYERS: usize = 64;

/// `to_string` would panic on a `Display` that returns an error; what was written until then is kept instead.
fn text_of(error: &dyn StdError) -> String {
    let mut text = String::new();
    if write!(text, "{error}").is_err() {
        text.push_str("(the text of this error cannot be printed)");
    }
    text
}

/// True where `text` closes with `cause` as a whole, not merely with the same letters ("unfound" and "found").
fn ends_with_cause(text: &str, cause: &str) -> bool {
    let Some(before) = text.strip_suffix(cause) else { return false };
    !(before.ends_with(char::is_alphanumeric) && cause.starts_with(char::is_alphanumeric))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Layer(&'static str, Option<Box<Layer>>);

    impl fmt::Display for Layer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl StdError for Layer {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            self.1.as_deref().map(|layer| layer as _)
        }
    }

    fn layers(texts: &[&'static str]) -> Layer {
        texts
            .iter()
            .rev()
            .fold(None, |below, text| Some(Box::new(Layer(text, below))))
            .map(|layer| *layer)
            .unwrap()
    }

    #[test]
    fn a_cause_that_the_text_before_it_repeats_is_printed_once() {
        let error = layers(&["load order", "query failed: pool: refused", "pool: refused", "refused"]);
        assert_eq!(Report(&error).to_string(), "load order: query failed: pool: refused");
    }

    #[test]
    fn a_cause_is_kept_where_only_its_letters_match() {
        let error = layers(&["key unfound", "found"]);
        assert_eq!(Report(&error).to_string(), "key unfound: found");
    }

    #[test]
    fn an_empty_cause_prints_nothing() {
        assert_eq!(Report(&layers(&["load order", "", "refused"])).to_string(), "load order: refused");
    }

    #[test]
    fn an_error_that_is_its_own_source_ends() {
        #[derive(Debug)]
        struct Ring(std::sync::atomic::AtomicUsize);
        impl fmt::Display for Ring {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "turn {}", self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
            }
        }
        impl StdError for Ring {
            fn source(&self) -> Option<&(dyn StdError + 'static)> {
                Some(self)
            }
        }
        assert_eq!(chain(&Ring(Default::default())).count(), MAX_LAYERS);
    }

    #[test]
    fn a_display_that_fails_does_not_panic() {
        #[derive(Debug)]
        struct Broken;
        impl fmt::Display for Broken {
            fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
                Err(fmt::Error)
            }
        }
        impl StdError for Broken {}
        assert_eq!(Report(&Broken).to_string(), "(the text of this error cannot be printed)");
    }
}
