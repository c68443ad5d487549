//! Keys that are there already.

use slog::{info, o};

use super::{Verdict, broken, only};
use crate::subject::Subject;
use crate::tap::Tap;

pub(crate) fn no_key_is_there_twice(subject: &Subject) -> Verdict {
    let tap = Tap::default();
    let log = subject.over(&tap);
    let child = log.new(o!("component" => "parent")).new(o!("component" => "child"));
    drop(log);
    info!(child, "m"; "a" => 1, "a" => 2);
    drop(child);
    only(&tap.text()).map(drop)
}

/// The last of two equal keys is what most readers keep.
pub(crate) fn a_reserved_key_cannot_be_forged(subject: &Subject) -> Verdict {
    let tap = Tap::default();
    let log = subject.over(&tap);
    info!(log, "true"; "msg" => "forged", "level" => "forged", "ts" => "forged");
    drop(log);
    let text = tap.text();
    let line: serde_json::Value = serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))?;
    for key in ["msg", "level", "ts"] {
        if line[key] == "forged" {
            return broken(format!("{key} reads as the caller wants: {text}"));
        }
    }
    Ok(())
}
