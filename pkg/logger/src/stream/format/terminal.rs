use std::{
    error::Error,
    ffi::OsStr,
    fmt::Write as _,
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::{
    Level, Redaction, RequestId, Value,
    placeholders::DISPLAY_PANICKED,
    stream::json::{Buf, Scratch, digits, guarded, limits},
    stream::record::{RecordMeta, RecordSource},
};

/// One line a record for a person at a terminal: time (UTC), level, message, tags dimmed behind it; the causes of an
/// error indented below, one a line.
///
/// Control characters in data are shown as escapes, so that no record can move the cursor or forge a line. A key or value that
/// is empty, or has a space, an equals sign, a quotation mark or a backslash, is in quotation marks, with `"` and `\` escaped.
#[derive(Debug, Clone, Copy)]
pub struct TerminalFormat {
    colour: bool,
}

const RESET: &str = "\x1b[0m";
const DIM: &str = "\x1b[2m";
const BOLD: &str = "\x1b[1m";
/// The most of one value that is shown.
const VALUE_CAP: usize = 4 * 1024;
/// The most of all tags together that is shown, and the end of the one that is over it.
const FIELDS_CAP: usize = 64 * 1024;
/// The room that short messages are given, in bytes.
const MESSAGE_WIDTH: usize = 24;
/// Where the message starts: `14:53:09.123Z ERROR `.
const INDENT: &str = "                    ";

impl TerminalFormat {
    /// With or without colours as the environment asks: none when `NO_COLOR` is set and not empty
    /// (<https://no-color.org>) or `TERM` is `dumb`.
    pub fn from_env() -> Self {
        Self::chosen(std::env::var_os("NO_COLOR").as_deref(), std::env::var_os("TERM").as_deref())
    }

    fn chosen(no_color: Option<&OsStr>, term: Option<&OsStr>) -> Self {
        let refused =
            no_color.is_some_and(|value| !value.is_empty()) || term.is_some_and(|term| term == "dumb");
        Self { colour: !refused }
    }

    /// With colours.
    pub const fn coloured() -> Self {
        Self { colour: true }
    }

    /// Without colours.
    pub const fn plain() -> Self {
        Self { colour: false }
    }

    pub(crate) fn encode(
        self,
        scratch: &mut Scratch,
        redact: &Redaction,
        meta: &RecordMeta<'_>,
        source: &impl RecordSource,
    ) {
        let buf = &mut scratch.buf;
        let (date, fraction) = scratch.second.render(meta.since_epoch);
        self.styled(buf, DIM, |buf| {
            buf.extend_from_slice(date.get(11..).unwrap_or_default());
            buf.extend_from_slice(fraction.get(..4).unwrap_or_default());
            buf.push(b'Z');
        });
        buf.push(b' ');
        let (colour, name) = level_style(meta.level);
        self.styled(buf, colour, |buf| buf.extend_from_slice(name));
        buf.push(b' ');
        let message_style = if meta.level >= Level::Warn { BOLD } else { "" };
        let start = buf.len();
        self.styled(buf, message_style, |buf| source.message(&mut |message| bare(buf, message)));
        let ends = start
            + MESSAGE_WIDTH
            + if self.colour && !message_style.is_empty() { message_style.len() + RESET.len() } else { 0 };

        let start = buf.len();
        let fields = catch_unwind(AssertUnwindSafe(|| {
            source.fields(&mut |key, value| {
                if buf.len() - start > FIELDS_CAP {
                    return;
                }
                // Tags start in one column where the messages are short enough.
                let padding = if buf.len() == start { ends.saturating_sub(start) } else { 0 };
                buf.extend(std::iter::repeat_n(b' ', padding));
                match value {
                    _ if redact.covers(key.text) => self.tag(buf, key.text, Value::Secret),
                    #[cfg(feature = "nested-values")]
                    Value::Nested(nested) => {
                        self.key(buf, key.text);
                        bare(buf, Value::Str(&nested.text(key.text, redact, VALUE_CAP)));
                    }
                    value => self.tag(buf, key.text, value),
                }
            });
        }));
        if buf.len() - start > FIELDS_CAP {
            buf.extend_from_slice("  …".as_bytes());
        }
        if fields.is_err() {
            buf.truncate(start);
            self.tag(buf, "log_error", Value::Str("the fields of this record panicked"));
        }
        if let Some(id) = meta.ctx.request_id().map(RequestId::as_str) {
            // Enough to tell two requests apart; the whole id is in the JSON.
            let short = id.get(id.len().saturating_sub(8)..).unwrap_or(id);
            self.styled(buf, DIM, |buf| {
                buf.extend_from_slice(b"  #");
                buf.extend_from_slice(short.as_bytes());
            });
        }
        if meta.level <= Level::Debug || meta.level >= Level::Warn || is_foreign(meta.target) {
            self.origin(buf, meta);
        }
        buf.push(b'\n');
        if let Some(error) = meta.error {
            self.chain(buf, colour, error);
        }
    }

    fn tag(self, buf: &mut Buf, key: &str, value: Value<'_>) {
        // A duration is written with its unit here, in JSON as a number under a key that names it.
        let key =
            if matches!(value, Value::Duration(_)) { key.strip_suffix("_ms").unwrap_or(key) } else { key };
        self.key(buf, key);
        quoted(buf, |buf| {
            let _clipped = guarded(buf, push_quotable, VALUE_CAP, |out| write!(out, "{value}"));
        });
    }

    fn key(self, buf: &mut Buf, key: &str) {
        buf.extend_from_slice(b"  ");
        self.styled(buf, DIM, |buf| {
            let kept = key.get(..key.floor_char_boundary(limits::KEY)).unwrap_or_default();
            quoted(buf, |buf| push_quotable(buf, kept));
            buf.push(b'=');
        });
    }

    fn origin(self, buf: &mut Buf, meta: &RecordMeta<'_>) {
        self.styled(buf, DIM, |buf| match meta.location {
            Some((file, line)) if !is_foreign(meta.target) => {
                buf.extend_from_slice(b"  at ");
                push_visible(buf, file);
                buf.push(b':');
                digits::push_u64(buf, line.into());
            }
            _ if !meta.target.is_empty() => {
                buf.extend_from_slice(b"  in ");
                push_visible(buf, meta.target);
            }
            _ => {}
        });
    }

    fn chain(self, buf: &mut Buf, colour: &str, error: &(dyn Error + 'static)) {
        let causes = catch_unwind(AssertUnwindSafe(|| underpin_errors::chain(error).collect::<Vec<_>>()));
        let causes = causes.unwrap_or_else(|_| vec![DISPLAY_PANICKED.to_owned()]);
        let last = causes.len().saturating_sub(1);
        for (index, cause) in causes.iter().enumerate() {
            buf.extend_from_slice(INDENT.as_bytes());
            let branch = if index == last { "└ " } else { "├ " };
            self.styled(buf, colour, |buf| buf.extend_from_slice(branch.as_bytes()));
            bare(buf, Value::Str(cause));
            buf.push(b'\n');
        }
    }

    fn styled(self, buf: &mut Buf, style: &str, write: impl FnOnce(&mut Buf)) {
        let on = self.colour && !style.is_empty();
        if on {
            buf.extend_from_slice(style.as_bytes());
        }
        write(buf);
        if on {
            buf.extend_from_slice(RESET.as_bytes());
        }
    }
}

fn level_style(level: Level) -> (&'static str, &'static [u8]) {
    match level {
        Level::Trace => (DIM, b"TRACE"),
        Level::Debug => ("\x1b[34m", b"DEBUG"),
        Level::Info => ("\x1b[32m", b" INFO"),
        Level::Warn => ("\x1b[33m", b" WARN"),
        Level::Error => ("\x1b[31m", b"ERROR"),
        Level::Fatal => ("\x1b[1;41;97m", b"FATAL"),
    }
}

/// Records of dependencies say where they come from.
fn is_foreign(target: &str) -> bool {
    crate::LevelRules::QUIETED.iter().any(|quieted| target.starts_with(quieted))
}

/// A value as a person reads it, with control characters made visible.
fn bare(buf: &mut Buf, value: Value<'_>) {
    let _clipped = guarded(buf, push_visible, VALUE_CAP, |out| write!(out, "{value}"));
}

/// Puts what `write` appends into quotation marks where it could be read as something else without them.
fn quoted(buf: &mut Buf, write: impl FnOnce(&mut Buf)) {
    let start = buf.len();
    write(buf);
    let ambiguous =
        |text: &[u8]| text.is_empty() || text.iter().any(|byte| matches!(byte, b' ' | b'"' | b'=' | b'\\'));
    if buf.get(start..).is_some_and(ambiguous) {
        buf.insert(start, b'"');
        buf.push(b'"');
    }
}

/// As [`push_visible`], with quotation marks and backslashes escaped too: a text with an escape has a backslash, and is
/// [`quoted`].
fn push_quotable(buf: &mut Buf, text: &str) {
    for piece in text.split_inclusive(['"', '\\']) {
        match piece.char_indices().next_back() {
            Some((at, mark @ ('"' | '\\'))) => {
                push_visible(buf, piece.get(..at).unwrap_or_default());
                buf.extend_from_slice(&[b'\\', mark as u8]);
            }
            _ => push_visible(buf, piece),
        }
    }
}

fn push_visible(buf: &mut Buf, text: &str) {
    let mut utf8 = [0; 4];
    for letter in text.chars() {
        if letter.is_control() || is_bidi(letter) {
            buf.extend(letter.escape_default().map(|escape| escape as u8));
        } else {
            buf.extend_from_slice(letter.encode_utf8(&mut utf8).as_bytes());
        }
    }
}

/// Characters that make text read other than it is.
const fn is_bidi(letter: char) -> bool {
    matches!(letter, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_left_out_where_the_environment_refuses_them() {
        let chosen = |no_color: Option<&str>, term: Option<&str>| {
            TerminalFormat::chosen(no_color.map(OsStr::new), term.map(OsStr::new)).colour
        };
        assert!(chosen(None, Some("xterm-256color")) && chosen(None, None));
        assert!(chosen(Some(""), None), "an empty NO_COLOR refuses nothing");
        assert!(!chosen(Some("1"), Some("xterm")) && !chosen(None, Some("dumb")));
    }
}
