use std::collections::HashMap;

use tokio::time::Instant;

use crate::store::{Claim, Claimed};

/// A claim from the first job on comes after this many times the time that the last one took.
const PAUSE: u32 = 4;

/// Where the next claim begins.
///
/// While some transaction holds an old snapshot, PostgreSQL keeps the index entries of jobs that have ended, and a claim from the
/// first job on passes all of them. The longer that takes, the rarer such claims are; those between them begin where the last job of
/// the kind stood. What ranks before it (another priority, a late commit, a job that was given back) waits for the next claim from
/// the first job on.
#[derive(Debug, Default)]
pub(super) struct ClaimMarks {
    /// By kind.
    places: HashMap<String, String>,
    /// When a claim begins at the first job again.
    first_at: Option<Instant>,
}

impl ClaimMarks {
    /// Sets where a claim begins; returns when the next one has to begin at the first job, if this one does not.
    pub(super) fn apply(&self, claim: &mut Claim, now: Instant) -> Option<Instant> {
        let first_at = self.first_at.filter(|at| now < *at && !self.places.is_empty())?;
        for kind in &mut claim.kinds {
            kind.after = self.places.get(&kind.kind).cloned();
        }
        Some(first_at)
    }

    /// Notes what a claim found. The jobs of a kind come in their order.
    pub(super) fn found(&mut self, claimed: &[Claimed]) {
        for job in claimed.iter().filter(|job| !job.place.is_empty()) {
            self.places.insert(job.kind.clone(), job.place.clone());
        }
    }

    /// Notes how long a claim took that began at the first job.
    pub(super) fn began_at_first(&mut self, began: Instant, now: Instant) {
        self.first_at = Some(now + (now - began) * PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::ClaimKind;
    use crate::{JobId, RunId};

    fn claim() -> Claim {
        let kinds = ["a", "b"].map(|kind| ClaimKind::new("main", 1, kind, 1)).to_vec();
        Claim::new(kinds, Duration::from_secs(1), "test")
    }

    fn claimed(kind: &str, place: &str) -> Claimed {
        Claimed {
            run: RunId { job: JobId::generate(), token: 1 },
            queue: "main".to_owned(),
            kind: kind.to_owned(),
            version: 1,
            attempt: 1,
            waited: Duration::ZERO,
            payload: String::new(),
            headers: String::new(),
            place: place.to_owned(),
        }
    }

    fn after(claim: &Claim) -> [Option<&str>; 2] {
        [0, 1].map(|kind| claim.kinds[kind].after.as_deref())
    }

    #[test]
    fn claims_begin_at_the_first_job_again_after_four_times_as_long_as_one_took() {
        let (mut marks, began, second) = (ClaimMarks::default(), Instant::now(), Duration::from_secs(1));
        let mut first = claim();
        assert_eq!(marks.apply(&mut first, began), None);
        marks.found(&[claimed("a", "1"), claimed("a", "2")]);
        marks.began_at_first(began, began + second);
        let mut next = claim();
        assert_eq!(marks.apply(&mut next, began + second * 4), Some(began + second * 5));
        assert_eq!(after(&next), [Some("2"), None], "each kind has its own place");
        marks.found(&[claimed("b", "7")]);
        let mut last = claim();
        assert_eq!(marks.apply(&mut last, began + second * 5), None);
        assert_eq!(after(&last), [None, None]);
    }

    #[test]
    fn a_store_without_places_is_always_asked_for_the_first_job() {
        let (mut marks, began) = (ClaimMarks::default(), Instant::now());
        marks.found(&[claimed("a", "")]);
        marks.began_at_first(began, began + Duration::from_secs(9));
        assert_eq!(marks.apply(&mut claim(), began + Duration::from_secs(10)), None);
    }
}
