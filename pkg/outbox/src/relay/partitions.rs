//! The partitions that a worker owns, and the low-water mark of each.

use std::collections::BTreeMap;

use super::low_water::{FetchPlan, LeasedPartition, LowWaterMarks, SnapshotMarker};
use super::outcome::Row;

/// Owned partitions with their low-water marks.
///
/// A low-water mark is an id below which the partition holds no row and never will. A scan that starts there does not walk
/// over the dead entries of what was sent before, however many there are and whatever keeps them from being vacuumed.
///
/// Ids are drawn before they are committed, so the highest id seen is no low-water mark: a lower one may still be
/// uncommitted. An id `last` is one if every transaction that had drawn an id up to it has ended. Each renewal of the leases
/// reads `last` and is itself a transaction with a number, the snapshot marker; a row's transaction has its number before it
/// draws an id (see the default of `underpin_outbox.id`). So once the lowest running transaction number has reached the
/// marker, no id up to `last` is uncommitted any more. A transaction that runs for an hour stops the low-water marks for an
/// hour, but not the events.
///
/// A server that crashes may take back what was not yet on disk: ids drawn by transactions that never committed, and
/// removals. So only what a renewal has committed counts: it puts `last` on disk with everything before it, moves a mark
/// only where the table is clear below it, and a fetch starts at marks that a renewal has returned.
#[derive(Debug, Default)]
pub(super) struct Partitions {
    owned: BTreeMap<i16, LowWater>,
    /// Read and not yet passed.
    pending: Option<SnapshotMarker>,
    /// No id up to here is uncommitted.
    resolved: i64,
    /// The last marker that was read.
    newest: Option<SnapshotMarker>,
    /// Partitions that had more than was asked for, and whether the last fetch asked only those.
    full: Vec<i16>,
    asked_full: bool,
    /// Rows fetched since the low-water marks were written.
    fetched: usize,
}

#[derive(Debug, Clone, Copy)]
struct LowWater {
    /// What the table has.
    written: i64,
    /// How far the partition is done since.
    reached: i64,
}

impl Partitions {
    pub(super) fn len(&self) -> usize {
        self.owned.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.owned.is_empty()
    }

    pub(super) fn numbers(&self) -> Vec<i16> {
        self.owned.keys().copied().collect()
    }

    /// How far each partition is done: what the next renewal writes.
    pub(super) fn reached(&self) -> LowWaterMarks {
        self.owned.iter().map(|(partition, mark)| (*partition, mark.reached)).collect()
    }

    pub(super) fn gain(&mut self, leased: &[LeasedPartition]) {
        let mark = |leased: &LeasedPartition| {
            (leased.partition, LowWater { written: leased.low_water, reached: leased.low_water })
        };
        self.owned.extend(leased.iter().map(mark));
    }

    /// What a renewal returned: the partitions that are still ours, and the low-water marks that count.
    pub(super) fn renewed(&mut self, kept: &[LeasedPartition], marker: Option<SnapshotMarker>) {
        self.owned.clear();
        self.gain(kept);
        let went_back = |now: SnapshotMarker, before: SnapshotMarker| {
            now.last < before.last || now.number < before.number
        };
        if marker.zip(self.newest).is_some_and(|(now, before)| went_back(now, before)) {
            self.invalidate();
        }
        self.newest = marker.or(self.newest);
        self.full.retain(|partition| self.owned.contains_key(partition));
        self.pending = self.pending.or(marker.filter(|marker| marker.last > self.resolved));
        self.fetched = 0;
    }

    /// Forgets what was proven about uncommitted ids.
    pub(super) fn invalidate(&mut self) {
        self.pending = None;
        self.resolved = 0;
        for mark in self.owned.values_mut() {
            mark.reached = mark.written;
        }
    }

    pub(super) fn remove(&mut self, released: &[i16]) {
        self.owned.retain(|partition, _| !released.contains(partition));
        self.full.retain(|partition| !released.contains(partition));
    }

    /// Whether so much was fetched that the low-water marks should follow before the next heartbeat.
    pub(super) fn should_renew(&self, batch: u32) -> bool {
        self.fetched >= 16 * batch as usize
    }

    /// What to fetch next: a little of every partition, or a lot of those that had more.
    pub(super) fn plan(&mut self, batch: u32, bytes: u64) -> FetchPlan {
        self.asked_full = !self.full.is_empty() && !self.asked_full;
        let asked = |partition: &i16| !self.asked_full || self.full.contains(partition);
        let owned = self.owned.iter().filter(|(partition, _)| asked(partition));
        let partitions: LowWaterMarks = owned.map(|(partition, mark)| (*partition, mark.written)).collect();
        let count = u32::try_from(partitions.len()).unwrap_or(u32::MAX).max(1);
        FetchPlan { partitions, most: (batch / count).max(1), bytes: (bytes / u64::from(count)).max(1) }
    }

    /// Takes what was fetched; returns how far each partition is done once these rows are. `oldest` is the lowest running
    /// transaction number; there is none on SQLite, where writers wait for each other.
    pub(super) fn fetched(&mut self, plan: &FetchPlan, oldest: Option<i64>, rows: &[Row]) -> LowWaterMarks {
        self.fetched += rows.len();
        let Some(oldest) = oldest else { return Vec::new() };
        if let Some(marker) = self.pending.take_if(|marker| oldest >= marker.number) {
            self.resolved = self.resolved.max(marker.last);
        }
        let mut found: BTreeMap<i16, (usize, u64, i64)> = BTreeMap::new();
        for row in rows {
            let (count, bytes, last) = found.entry(row.partition).or_default();
            (*count, *bytes, *last) = (*count + 1, *bytes + row.envelope.len() as u64, row.id);
        }
        let (mut full, mut marks) = (Vec::new(), Vec::with_capacity(plan.partitions.len()));
        for (partition, low_water) in &plan.partitions {
            let (count, bytes, last) = found.get(partition).copied().unwrap_or_default();
            let is_full = count >= plan.most as usize || bytes >= plan.bytes;
            if is_full {
                full.push(*partition);
            }
            // A partition that was cut short is known up to its last row only.
            let known = if is_full { self.resolved.min(last) } else { self.resolved };
            marks.push((*partition, known.max(*low_water)));
        }
        self.full.retain(|partition| !plan.partitions.iter().any(|(asked, _)| asked == partition));
        self.full.extend(full);
        marks
    }

    /// The rows of a fetch are done.
    pub(super) fn done(&mut self, marks: &[(i16, i64)]) {
        for (partition, mark) in marks {
            if let Some(known) = self.owned.get_mut(partition) {
                known.reached = known.reached.max(*mark);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leased(partitions: &[(i16, i64)]) -> Vec<LeasedPartition> {
        let leased = |(partition, low_water): &(i16, i64)| LeasedPartition {
            partition: *partition,
            low_water: *low_water,
        };
        partitions.iter().map(leased).collect()
    }

    fn owning(partitions: &[i16]) -> Partitions {
        let mut owned = Partitions::default();
        owned.gain(&leased(&partitions.iter().map(|partition| (*partition, 0)).collect::<Vec<_>>()));
        owned
    }

    fn row(partition: i16, id: i64) -> Row {
        Row {
            partition,
            id,
            key: "k".to_owned(),
            envelope: "{}".to_owned(),
            age_ms: 0,
            attempts: 0,
            held: false,
        }
    }

    /// One fetch whose rows are done.
    fn cycle(partitions: &mut Partitions, oldest: i64, rows: &[Row]) {
        let plan = partitions.plan(10, 1000);
        let marks = partitions.fetched(&plan, Some(oldest), rows);
        partitions.done(&marks);
    }

    #[test]
    fn a_row_that_commits_late_stays_above_the_low_water_mark() {
        let mut partitions = owning(&[1]);
        // Ids up to 8 are drawn; 8 is visible, 7 belongs to transaction 100, which is running. The marker is 105.
        partitions.renewed(&leased(&[(1, 0)]), Some(SnapshotMarker { last: 8, number: 105 }));
        cycle(&mut partitions, 100, &[row(1, 8)]);
        assert_eq!(partitions.reached(), [(1, 0)], "8 is done, and 7 may still appear");
        // A later marker does not take the place of one that is pending.
        partitions.renewed(&leased(&[(1, 0)]), Some(SnapshotMarker { last: 20, number: 120 }));
        cycle(&mut partitions, 104, &[]);
        assert_eq!(partitions.reached(), [(1, 0)]);
        // Transaction 100 has ended, and this snapshot shows its row.
        cycle(&mut partitions, 105, &[row(1, 7)]);
        assert_eq!(partitions.reached(), [(1, 8)]);
        partitions.renewed(&leased(&[(1, 8)]), Some(SnapshotMarker { last: 20, number: 130 }));
        cycle(&mut partitions, 130, &[]);
        assert_eq!(partitions.reached(), [(1, 20)], "the marks follow also when nothing is left to fetch");
    }

    #[test]
    fn a_fetch_starts_at_what_is_written() {
        let mut partitions = owning(&[1, 2]);
        partitions.renewed(&leased(&[(1, 0), (2, 0)]), Some(SnapshotMarker { last: 50, number: 5 }));
        cycle(&mut partitions, 5, &[]);
        assert_eq!(partitions.reached(), [(1, 50), (2, 50)]);
        assert_eq!(
            partitions.plan(10, 1000).partitions,
            [(1, 0), (2, 0)],
            "a crash could still bring rows back"
        );
        // The server crashed and brought rows of partition 1 back: its mark is refused.
        partitions.renewed(&leased(&[(1, 0), (2, 50)]), None);
        assert_eq!(partitions.plan(10, 1000).partitions, [(1, 0), (2, 50)]);
        assert_eq!(partitions.reached(), [(1, 0), (2, 50)]);
        // A partition that went to another relay is gone.
        partitions.renewed(&leased(&[(2, 50)]), None);
        assert_eq!(partitions.numbers(), [2]);
    }

    #[test]
    fn a_server_that_went_back_is_asked_again() {
        let back = [SnapshotMarker { last: 600, number: 220 }, SnapshotMarker { last: 1_200, number: 90 }];
        for back in back {
            let mut partitions = owning(&[1]);
            partitions.renewed(&leased(&[(1, 0)]), Some(SnapshotMarker { last: 1_000, number: 200 }));
            cycle(&mut partitions, 200, &[]);
            assert_eq!(partitions.reached(), [(1, 1_000)]);
            partitions.renewed(&leased(&[(1, 600)]), Some(back));
            cycle(&mut partitions, back.number - 1, &[]);
            assert_eq!(partitions.reached(), [(1, 600)], "ids up to 1,000 may be drawn a second time");
            cycle(&mut partitions, back.number, &[]);
            assert_eq!(partitions.reached(), [(1, back.last)]);
        }
    }

    #[test]
    fn what_was_proven_before_an_error_is_proven_again() {
        let mut partitions = owning(&[1]);
        partitions.renewed(&leased(&[(1, 0)]), Some(SnapshotMarker { last: 1_000, number: 200 }));
        cycle(&mut partitions, 200, &[]);
        partitions.invalidate();
        assert_eq!(partitions.reached(), [(1, 0)]);
        cycle(&mut partitions, 300, &[]);
        assert_eq!(partitions.reached(), [(1, 0)]);
    }

    #[test]
    fn a_partition_that_was_cut_short_is_done_up_to_its_last_row() {
        let mut partitions = owning(&[1, 2]);
        partitions.resolved = 1000;
        let plan = partitions.plan(4, 1000);
        assert_eq!(plan.most, 2);
        let marks = partitions.fetched(&plan, Some(1), &[row(1, 10), row(1, 11), row(2, 5)]);
        assert_eq!(marks, [(1, 11), (2, 1000)]);
        let plan = partitions.plan(4, 1000);
        assert_eq!(
            (plan.partitions.as_slice(), plan.most),
            ([(1, 0)].as_slice(), 4),
            "the partition with more is next"
        );
        drop(partitions.fetched(&plan, Some(1), &[]));
        assert_eq!(partitions.plan(4, 1000).partitions.len(), 2);
    }

    #[test]
    fn bytes_cut_a_partition_short_too() {
        let mut partitions = owning(&[1]);
        partitions.resolved = 1000;
        let plan = partitions.plan(100, 2);
        let marks = partitions.fetched(&plan, Some(1), &[row(1, 10)]);
        assert_eq!(marks, [(1, 10)], "a partition whose rows fill the bytes may have more");
    }
}
