//! The lanes a relay owns, and how far each is done.

use std::collections::BTreeMap;

use super::batch::Row;
use super::store::{AcquiredLane, FetchPlan, Horizon};

/// Owned lanes with their floors.
///
/// A floor is an id below which the lane holds no row and never will. A scan that starts there does not walk over the
/// dead entries of what was sent before, however many there are and whatever keeps them from being vacuumed.
///
/// Ids are drawn before they are committed, so the highest id seen is no floor: a lower one may still be on its way. What
/// is one: an id `last` such that every transaction that had drawn an id up to it has ended. The fetch draws `mark`, a
/// transaction number, after it read `last`; a row's transaction has its own number before it draws an id (see the default
/// of `underpin_outbox.id`). So once the lowest number under way (`oldest`) has reached `mark`, nothing up to `last` is on
/// its way any more. A transaction that runs for an hour stops the floors for an hour, but not the events.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    floors: BTreeMap<i16, i64>,
    /// Drawn and not yet passed.
    pending: Option<(i64, i64)>,
    /// No row up to here is on its way any more.
    settled: i64,
    /// Lanes that had more than was asked for, and whether the last fetch asked only those.
    hot: Vec<i16>,
    asked_hot: bool,
    /// The highest id drawn, as of the last fetch.
    drawn: Option<i64>,
}

impl Lanes {
    pub(super) fn len(&self) -> usize {
        self.floors.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.floors.is_empty()
    }

    pub(super) fn names(&self) -> Vec<i16> {
        self.floors.keys().copied().collect()
    }

    pub(super) fn floors(&self) -> Vec<(i16, i64)> {
        self.floors.iter().map(|(lane, floor)| (*lane, *floor)).collect()
    }

    pub(super) fn gain(&mut self, lanes: &[AcquiredLane]) {
        self.floors.extend(lanes.iter().map(|lane| (lane.lane, lane.floor)));
        self.drawn = None;
    }

    pub(super) fn keep_only(&mut self, lanes: &[i16]) {
        self.floors.retain(|lane, _| lanes.contains(lane));
        self.hot.retain(|lane| lanes.contains(lane));
    }

    /// The lanes above a fair share, to be given back.
    pub(super) fn above(&self, share: usize) -> Vec<i16> {
        self.floors.keys().copied().skip(share).collect()
    }

    /// What to fetch next: every lane a little, or those that had more a lot.
    pub(super) fn plan(&mut self, batch: u32, bytes: u64) -> FetchPlan {
        self.asked_hot = !self.hot.is_empty() && !self.asked_hot;
        let lanes: Vec<(i16, i64)> = match self.asked_hot {
            true => self
                .floors
                .iter()
                .filter(|(lane, _)| self.hot.contains(lane))
                .map(|(l, f)| (*l, *f))
                .collect(),
            false => self.floors(),
        };
        let count = u32::try_from(lanes.len()).unwrap_or(u32::MAX).max(1);
        // A quiet outbox costs no transaction numbers.
        let measure = self.pending.is_none() && self.drawn.is_none_or(|drawn| drawn > self.settled);
        FetchPlan { lanes, most: (batch / count).max(1), bytes: (bytes / u64::from(count)).max(1), measure }
    }

    /// Takes what was fetched; returns how far each lane is done once these rows are.
    pub(super) fn take(
        &mut self,
        plan: &FetchPlan,
        horizon: Option<Horizon>,
        rows: &[Row],
    ) -> Vec<(i16, i64)> {
        let Some(horizon) = horizon else { return Vec::new() };
        if let Some((mark, last)) = self.pending
            && horizon.oldest >= mark
        {
            self.settled = self.settled.max(last);
            self.pending = None;
        }
        if let Some(mark) = horizon.mark {
            self.pending = Some((mark, horizon.last));
        }
        self.drawn = Some(horizon.last);
        let mut full = Vec::new();
        let mut floors = Vec::with_capacity(plan.lanes.len());
        let mut tally: BTreeMap<i16, (usize, u64, i64)> = BTreeMap::new();
        for row in rows {
            let (count, bytes, last) = tally.entry(row.lane).or_default();
            (*count, *bytes, *last) = (*count + 1, *bytes + row.envelope.len() as u64, row.id);
        }
        for (lane, floor) in &plan.lanes {
            let (count, bytes, last) = tally.get(lane).copied().unwrap_or_default();
            let is_full = count >= plan.most as usize || bytes >= plan.bytes;
            if is_full {
                full.push(*lane);
            }
            // A lane that was cut short is known up to its last row only.
            let known = if is_full { self.settled.min(last) } else { self.settled };
            floors.push((*lane, known.max(*floor)));
        }
        self.hot.retain(|lane| !plan.lanes.iter().any(|(asked, _)| asked == lane));
        self.hot.extend(full);
        floors
    }

    /// The rows of a fetch are dealt with.
    pub(super) fn done(&mut self, floors: &[(i16, i64)]) {
        for (lane, floor) in floors {
            if let Some(known) = self.floors.get_mut(lane) {
                *known = (*floor).max(*known);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owning(lanes: &[i16]) -> Lanes {
        let mut owned = Lanes::default();
        owned.gain(&lanes.iter().map(|lane| AcquiredLane { lane: *lane, floor: 0 }).collect::<Vec<_>>());
        owned
    }

    fn row(lane: i16, id: i64) -> Row {
        Row { lane, id, key: "k".to_owned(), envelope: "{}".to_owned(), age_ms: 0, attempts: 0, held: false }
    }

    fn horizon(last: i64, mark: Option<i64>, oldest: i64) -> Horizon {
        Horizon { last, mark, oldest }
    }

    #[test]
    fn a_row_that_commits_late_stays_above_the_floor() {
        let mut lanes = owning(&[1]);
        // Ids up to 8 are drawn; 8 is visible, 7 belongs to transaction 100, which is under way. The mark is 105.
        let plan = lanes.plan(10, 1000);
        assert!(plan.measure);
        let floors = lanes.take(&plan, Some(horizon(8, Some(105), 100)), &[row(1, 8)]);
        lanes.done(&floors);
        assert_eq!(lanes.floors(), [(1, 0)], "8 is done, and 7 may still appear");

        let plan = lanes.plan(10, 1000);
        assert!(!plan.measure, "the first mark is not passed yet");
        let floors = lanes.take(&plan, Some(horizon(20, None, 104)), &[]);
        lanes.done(&floors);
        assert_eq!(lanes.floors(), [(1, 0)]);

        // Transaction 100 has ended, and this snapshot shows its row.
        let plan = lanes.plan(10, 1000);
        let floors = lanes.take(&plan, Some(horizon(20, None, 105)), &[row(1, 7)]);
        lanes.done(&floors);
        assert_eq!(lanes.floors(), [(1, 8)]);

        // More was drawn in the meantime: it is measured, also when nothing is left to fetch; then there is peace.
        let plan = lanes.plan(10, 1000);
        assert!(plan.measure);
        lanes.take(&plan, Some(horizon(20, Some(120), 110)), &[]);
        let plan = lanes.plan(10, 1000);
        let floors = lanes.take(&plan, Some(horizon(20, None, 120)), &[]);
        lanes.done(&floors);
        assert_eq!(lanes.floors(), [(1, 20)]);
        assert!(!lanes.plan(10, 1000).measure);
    }

    #[test]
    fn a_lane_that_was_cut_short_is_done_up_to_its_last_row() {
        let mut lanes = owning(&[1, 2]);
        lanes.settled = 1000;
        let plan = lanes.plan(4, 1000);
        assert_eq!(plan.most, 2);
        let floors = lanes.take(&plan, Some(horizon(1000, None, 1)), &[row(1, 10), row(1, 11), row(2, 5)]);
        assert_eq!(floors, [(1, 11), (2, 1000)]);
        lanes.done(&floors);
        let plan = lanes.plan(4, 1000);
        assert_eq!(
            (plan.lanes.as_slice(), plan.most),
            ([(1, 11)].as_slice(), 4),
            "the lane with more has its turn"
        );
        drop(lanes.take(&plan, Some(horizon(1000, None, 1)), &[]));
        assert_eq!(lanes.plan(4, 1000).lanes.len(), 2);
    }

    #[test]
    fn bytes_cut_a_lane_short_too() {
        let mut lanes = owning(&[1]);
        lanes.settled = 1000;
        let plan = lanes.plan(100, 2);
        let floors = lanes.take(&plan, Some(horizon(1000, None, 1)), &[row(1, 10)]);
        assert_eq!(floors, [(1, 10)], "a lane whose rows fill the bytes may have more");
    }
}
