use crate::limits::{self, MAX_VIOLATIONS};
use crate::violation::{Location, Violation};

/// Violations up to a count and a total size; the rest is counted and becomes one last "and N more".
pub(crate) struct BoundedViolations {
    kept: Vec<Violation>,
    bytes: usize,
    max_bytes: usize,
    omitted: usize,
}

impl BoundedViolations {
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self { kept: Vec::new(), bytes: 0, max_bytes, omitted: 0 }
    }

    /// The first of these violations, each cut to a length that can be printed, and how many more there are.
    pub(crate) fn of(violations: impl IntoIterator<Item = Violation>, max_bytes: usize) -> Vec<Violation> {
        let mut bounded = Self::new(max_bytes);
        violations.into_iter().for_each(|violation| bounded.push(violation));
        bounded.finish()
    }

    pub(crate) fn push(&mut self, violation: Violation) {
        if self.omitted > 0 || self.kept.len() >= MAX_VIOLATIONS {
            self.omitted += 1;
            return;
        }
        let violation = cut(violation);
        if self.bytes + cost(&violation) > self.max_bytes {
            self.omitted += 1;
            return;
        }
        self.bytes += cost(&violation);
        self.kept.push(violation);
    }

    /// True before the first push.
    #[cfg(feature = "input")]
    pub(crate) fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.omitted == 0
    }

    pub(crate) fn finish(mut self) -> Vec<Violation> {
        if self.omitted == 0 {
            return self.kept;
        }
        loop {
            let rest = Violation::body("", format!("and {} more", self.omitted));
            let fits = self.kept.len() < MAX_VIOLATIONS && self.bytes + cost(&rest) <= self.max_bytes;
            match if fits { None } else { self.kept.pop() } {
                Some(last) => {
                    self.bytes -= cost(&last);
                    self.omitted += 1;
                }
                None => {
                    self.kept.push(rest);
                    return self.kept;
                }
            }
        }
    }
}

/// The size of a violation in a body or a header: its texts, and the names and marks around them.
fn cost(violation: &Violation) -> usize {
    const AROUND: usize = 32;
    let (Location::Body(place) | Location::Parameter(place) | Location::Header(place)) = &violation.location;
    limits::encoded_len(place) + limits::encoded_len(&violation.message) + AROUND
}

fn cut(mut violation: Violation) -> Violation {
    let (Location::Body(place) | Location::Parameter(place) | Location::Header(place)) =
        &mut violation.location;
    if place.len() > limits::MAX_PLACE {
        *place = limits::cut(place, limits::MAX_PLACE).into_owned();
    }
    if violation.message.len() > limits::MAX_MESSAGE {
        violation.message = limits::cut(&violation.message, limits::MAX_MESSAGE).into_owned().into();
    }
    violation
}
