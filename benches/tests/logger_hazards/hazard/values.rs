//! Values whose code does what it should not.

use std::fmt;

use serde::ser::{Error as _, Serialize, SerializeSeq as _, Serializer};
use slog::{Serde, info};

use super::{Verdict, broken, calm, has, lines, only};
use crate::subject::Subject;
use crate::tap::Tap;

struct Panics;

impl fmt::Display for Panics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("half a value")?;
        panic!("in the middle of a value")
    }
}

pub(crate) fn a_display_that_panics_stays_out_of_the_caller(subject: &Subject) -> Verdict {
    let tap = Tap::default();
    let log = subject.over(&tap);
    calm(|| info!(log, "first"; "bad" => %Panics))?;
    drop(log);
    only(&tap.text()).map(drop)
}

pub(crate) fn no_text_of_one_record_is_in_another(subject: &Subject) -> Verdict {
    let (tap, other_tap) = (Tap::default(), Tap::default());
    let (log, other) = (subject.over(&tap), subject.over(&other_tap));
    // The panic of the first call is another matter.
    let _panic = calm(|| info!(log, "first"; "bad" => %Panics));
    info!(other, "second"; "fine" => %1);
    drop(other);
    match other_tap.text() {
        text if text.contains("half a value") => broken(format!("half a value of another logger: {text}")),
        text => only(&text).map(drop),
    }
}

pub(crate) fn a_logger_outlives_a_display_that_panics(subject: &Subject) -> Verdict {
    let tap = Tap::default();
    let log = subject.over(&tap);
    let _panic = calm(|| info!(log, "first"; "bad" => %Panics));
    calm(|| info!(log, "second"))?;
    drop(log);
    match tap.text() {
        text if text.contains("second") => lines(&text).map(drop),
        _ => broken("it writes nothing any more, and nobody is told"),
    }
}

/// Two elements, then the end that is asked for.
#[derive(Clone, Copy)]
enum Midway {
    Fails,
    Panics,
}

impl Serialize for Midway {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(None)?;
        seq.serialize_element(&1)?;
        seq.serialize_element(&2)?;
        match self {
            Self::Fails => Err(S::Error::custom("no more")),
            Self::Panics => panic!("in the middle of a value"),
        }
    }
}

pub(crate) fn a_serialize_that_fails_tears_no_line(subject: &Subject) -> Verdict {
    midway(subject, Midway::Fails)
}

pub(crate) fn a_serialize_that_panics_tears_no_line(subject: &Subject) -> Verdict {
    midway(subject, Midway::Panics)
}

fn midway(subject: &Subject, value: Midway) -> Verdict {
    let tap = Tap::default();
    let log = subject.over(&tap);
    let _panic = calm(|| info!(log, "first"; "bad" => Serde(value)));
    calm(|| info!(log, "second"))?;
    drop(log);
    let lines = lines(&tap.text())?;
    if has(&lines, "second") { Ok(()) } else { broken("the second record is not there") }
}

pub(crate) fn a_serde_value_is_survived(subject: &Subject) -> Verdict {
    let tap = Tap::default();
    let log = subject.over(&tap);
    calm(|| info!(log, "first"; "nested" => Serde(vec![1, 2])))?;
    drop(log);
    let line = only(&tap.text())?;
    let told = line.contains_key("nested") || line.contains_key("log_error");
    if told { Ok(()) } else { broken(format!("neither the value nor a word about it: {line:?}")) }
}
