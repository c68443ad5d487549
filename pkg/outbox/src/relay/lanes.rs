//! The lanes a relay owns, and how far each is done.

use std::collections::BTreeMap;

use super::batch::Row;
use super::store::{AcquiredLane, FetchPlan, Mark};

/// Owned lanes with their floors.
///
/// A floor is an id below which the lane holds no row and never will. A scan that starts there does not walk over the
/// dead entries of what was sent before, however many there are and whatever keeps them from being vacuumed.
///
/// Ids are drawn before they are committed, so the highest id seen is no floor: a lower one may still be on its way. What
/// is one: an id `last` such that every transaction that had drawn an id up to it has ended. Each renewal of the leases
/// reads `last` and is itself a transaction with a number, the mark; a row's transaction has its number before it draws an
/// id (see the default of `underpin_outbox.id`). So once the lowest number under way has reached the mark, nothing up to
/// `last` is on its way any more. A transaction that runs for an hour stops the floors for an hour, but not the events.
///
/// A server that crashes may take back what was not yet on disk: ids drawn by transactions that never committed, and
/// removals. So only what a renewal has committed counts: it puts `last` on disk with everything before it, moves a floor
/// only where the table is clear below it, and a fetch starts at floors that a renewal has returned.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    floors: BTreeMap<i16, Floor>,
    /// Drawn and not yet passed.
    pending: Option<Mark>,
    /// No row up to here is on its way any more.
    settled: i64,
    /// The last mark that was read.
    newest: Option<Mark>,
    /// Lanes that had more than was asked for, and whether the last fetch asked only those.
    hot: Vec<i16>,
    asked_hot: bool,
    /// Rows fetched since the floors were written down.
    fetched: usize,
}

#[derive(Debug, Clone, Copy)]
struct Floor {
    /// What the table has.
    written: i64,
    /// How far the lane is done since.
    reached: i64,
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

    /// How far each lane is done: what a renewal shall write down.
    pub(super) fn reached(&self) -> Vec<(i16, i64)> {
        self.floors.iter().map(|(lane, floor)| (*lane, floor.reached)).collect()
    }

    pub(super) fn gain(&mut self, lanes: &[AcquiredLane]) {
        let floor = |lane: &AcquiredLane| (lane.lane, Floor { written: lane.floor, reached: lane.floor });
        self.floors.extend(lanes.iter().map(floor));
    }

    /// What a renewal returned: the lanes that are still ours, and the floors that count.
    pub(super) fn renewed(&mut self, kept: &[AcquiredLane], mark: Option<Mark>) {
        self.floors.clear();
        self.gain(kept);
        let went_back = |mark: Mark, before: Mark| mark.last < before.last || mark.number < before.number;
        if mark.zip(self.newest).is_some_and(|(mark, before)| went_back(mark, before)) {
            self.distrust();
        }
        self.newest = mark.or(self.newest);
        self.hot.retain(|lane| self.floors.contains_key(lane));
        self.pending = self.pending.or(mark.filter(|mark| mark.last > self.settled));
        self.fetched = 0;
    }

    /// Forgets what was proven about ids on their way: it is proven anew.
    pub(super) fn distrust(&mut self) {
        self.pending = None;
        self.settled = 0;
        for floor in self.floors.values_mut() {
            floor.reached = floor.written;
        }
    }

    pub(super) fn keep_only(&mut self, lanes: &[i16]) {
        self.floors.retain(|lane, _| lanes.contains(lane));
        self.hot.retain(|lane| lanes.contains(lane));
    }

    /// Whether so much was fetched that the floors should follow before the next heartbeat.
    pub(super) fn lag_behind(&self, batch: u32) -> bool {
        self.fetched >= 16 * batch as usize
    }

    /// The lanes above a fair share, to be given back.
    pub(super) fn above(&self, share: usize) -> Vec<i16> {
        self.floors.keys().copied().skip(share).collect()
    }

    /// What to fetch next: every lane a little, or those that had more a lot.
    pub(super) fn plan(&mut self, batch: u32, bytes: u64) -> FetchPlan {
        self.asked_hot = !self.hot.is_empty() && !self.asked_hot;
        let asked = |lane: &i16| !self.asked_hot || self.hot.contains(lane);
        let floors = self.floors.iter().filter(|(lane, _)| asked(lane));
        let lanes: Vec<(i16, i64)> = floors.map(|(lane, floor)| (*lane, floor.written)).collect();
        let count = u32::try_from(lanes.len()).unwrap_or(u32::MAX).max(1);
        FetchPlan { lanes, most: (batch / count).max(1), bytes: (bytes / u64::from(count)).max(1) }
    }

    /// Takes what was fetched; returns how far each lane is done once these rows are. `oldest` is the lowest transaction
    /// number that was under way; there is none on SQLite, where writers wait for each other.
    pub(super) fn take(&mut self, plan: &FetchPlan, oldest: Option<i64>, rows: &[Row]) -> Vec<(i16, i64)> {
        self.fetched += rows.len();
        let Some(oldest) = oldest else { return Vec::new() };
        if let Some(mark) = self.pending.take_if(|mark| oldest >= mark.number) {
            self.settled = self.settled.max(mark.last);
        }
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
                known.reached = (*floor).max(known.reached);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acquired(lanes: &[(i16, i64)]) -> Vec<AcquiredLane> {
        lanes.iter().map(|(lane, floor)| AcquiredLane { lane: *lane, floor: *floor }).collect()
    }

    fn owning(lanes: &[i16]) -> Lanes {
        let mut owned = Lanes::default();
        owned.gain(&acquired(&lanes.iter().map(|lane| (*lane, 0)).collect::<Vec<_>>()));
        owned
    }

    fn row(lane: i16, id: i64) -> Row {
        Row { lane, id, key: "k".to_owned(), envelope: "{}".to_owned(), age_ms: 0, attempts: 0, held: false }
    }

    /// One fetch whose rows are dealt with.
    fn turn(lanes: &mut Lanes, oldest: i64, rows: &[Row]) {
        let plan = lanes.plan(10, 1000);
        let floors = lanes.take(&plan, Some(oldest), rows);
        lanes.done(&floors);
    }

    #[test]
    fn a_row_that_commits_late_stays_above_the_floor() {
        let mut lanes = owning(&[1]);
        // Ids up to 8 are drawn; 8 is visible, 7 belongs to transaction 100, which is under way. The mark is 105.
        lanes.renewed(&acquired(&[(1, 0)]), Some(Mark { last: 8, number: 105 }));
        turn(&mut lanes, 100, &[row(1, 8)]);
        assert_eq!(lanes.reached(), [(1, 0)], "8 is done, and 7 may still appear");
        // A later mark does not take the place of one that is pending.
        lanes.renewed(&acquired(&[(1, 0)]), Some(Mark { last: 20, number: 120 }));
        turn(&mut lanes, 104, &[]);
        assert_eq!(lanes.reached(), [(1, 0)]);
        // Transaction 100 has ended, and this snapshot shows its row.
        turn(&mut lanes, 105, &[row(1, 7)]);
        assert_eq!(lanes.reached(), [(1, 8)]);
        lanes.renewed(&acquired(&[(1, 8)]), Some(Mark { last: 20, number: 130 }));
        turn(&mut lanes, 130, &[]);
        assert_eq!(lanes.reached(), [(1, 20)], "the floors follow also when nothing is left to fetch");
    }

    #[test]
    fn a_fetch_starts_at_what_is_written_down() {
        let mut lanes = owning(&[1, 2]);
        lanes.renewed(&acquired(&[(1, 0), (2, 0)]), Some(Mark { last: 50, number: 5 }));
        turn(&mut lanes, 5, &[]);
        assert_eq!(lanes.reached(), [(1, 50), (2, 50)]);
        assert_eq!(lanes.plan(10, 1000).lanes, [(1, 0), (2, 0)], "a crash could still bring rows back");
        // The server crashed and brought rows of lane 1 back: its floor is refused.
        lanes.renewed(&acquired(&[(1, 0), (2, 50)]), None);
        assert_eq!(lanes.plan(10, 1000).lanes, [(1, 0), (2, 50)]);
        assert_eq!(lanes.reached(), [(1, 0), (2, 50)]);
        // A lane that went to another relay is gone.
        lanes.renewed(&acquired(&[(2, 50)]), None);
        assert_eq!(lanes.names(), [2]);
    }

    #[test]
    fn a_server_that_went_back_is_asked_anew() {
        let back = [Mark { last: 600, number: 220 }, Mark { last: 1_200, number: 90 }];
        for back in back {
            let mut lanes = owning(&[1]);
            lanes.renewed(&acquired(&[(1, 0)]), Some(Mark { last: 1_000, number: 200 }));
            turn(&mut lanes, 200, &[]);
            assert_eq!(lanes.reached(), [(1, 1_000)]);
            lanes.renewed(&acquired(&[(1, 600)]), Some(back));
            turn(&mut lanes, back.number - 1, &[]);
            assert_eq!(lanes.reached(), [(1, 600)], "ids up to 1,000 may be drawn a second time");
            turn(&mut lanes, back.number, &[]);
            assert_eq!(lanes.reached(), [(1, back.last)]);
        }
    }

    #[test]
    fn what_was_proven_before_an_error_is_proven_anew() {
        let mut lanes = owning(&[1]);
        lanes.renewed(&acquired(&[(1, 0)]), Some(Mark { last: 1_000, number: 200 }));
        turn(&mut lanes, 200, &[]);
        lanes.distrust();
        assert_eq!(lanes.reached(), [(1, 0)]);
        turn(&mut lanes, 300, &[]);
        assert_eq!(lanes.reached(), [(1, 0)]);
    }

    #[test]
    fn a_lane_that_was_cut_short_is_done_up_to_its_last_row() {
        let mut lanes = owning(&[1, 2]);
        lanes.settled = 1000;
        let plan = lanes.plan(4, 1000);
        assert_eq!(plan.most, 2);
        let floors = lanes.take(&plan, Some(1), &[row(1, 10), row(1, 11), row(2, 5)]);
        assert_eq!(floors, [(1, 11), (2, 1000)]);
        let plan = lanes.plan(4, 1000);
        assert_eq!(
            (plan.lanes.as_slice(), plan.most),
            ([(1, 0)].as_slice(), 4),
            "the lane with more has its turn"
        );
        drop(lanes.take(&plan, Some(1), &[]));
        assert_eq!(lanes.plan(4, 1000).lanes.len(), 2);
    }

    #[test]
    fn bytes_cut_a_lane_short_too() {
        let mut lanes = owning(&[1]);
        lanes.settled = 1000;
        let plan = lanes.plan(100, 2);
        let floors = lanes.take(&plan, Some(1), &[row(1, 10)]);
        assert_eq!(floors, [(1, 10)], "a lane whose rows fill the bytes may have more");
    }
}
