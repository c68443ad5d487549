use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;
use underpin_errors::BoxError;

use super::record::{Fate, StoreRecord, WriteOutcome};

/// What all workers told, and the resource behind the locks.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// By lock and token.
    claims: BTreeMap<(String, u64), Claims>,
    /// The largest token that the resource has seen, by lock.
    fences: BTreeMap<String, u64>,
    pub(super) writes: Writes,
    pub(super) fates: BTreeMap<Fate, u64>,
    /// By key.
    pub(super) numbers: BTreeMap<String, Numbers>,
    pub(super) taken: u64,
    pub(super) session_steps: u64,
    /// By watcher.
    pub(super) states: BTreeMap<String, BTreeMap<String, String>>,
    pub(super) broken: Vec<String>,
    /// The holder that has frozen its process.
    frozen: Option<Frozen>,
}

/// A process that has frozen itself while it had a lock.
#[derive(Debug)]
struct Frozen {
    worker: String,
    lock: String,
    token: u64,
    /// Over which it said so.
    connection: u64,
}

/// Writes to the resource.
#[derive(Debug, Default)]
pub(super) struct Writes {
    pub(super) accepted: u64,
    /// The fence stopped them.
    pub(super) refused: u64,
}

/// When a holder counted as one, by the monotonic clock of the machine.
#[derive(Debug)]
struct Claims {
    /// By then it had begun.
    begun: u64,
    /// By then it had not ended.
    lasted: u64,
}

/// The writes of a number under one key.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    pub(super) written: Vec<u64>,
    pub(super) refused: Vec<u64>,
    /// Not known to be either.
    pub(super) open: Vec<u64>,
}

impl Ledger {
    /// How often a lock was taken.
    pub(super) fn rounds(&self) -> u64 {
        u64::try_from(self.claims.len()).unwrap_or(u64::MAX)
    }

    /// How often a lock was taken, and how many late writes were refused.
    pub(super) fn progress(&self) -> (u64, u64) {
        (self.rounds(), self.writes.refused)
    }

    /// Pairs of holders of one lock that counted as holders at the same time: the one with the larger token had begun before the other
    /// one had ended.
    pub(super) fn overlaps(&self) -> Vec<String> {
        let mut found = Vec::new();
        // The earliest begin of those with a larger token, from the end.
        let mut later: Option<(&str, u64, u64)> = None;
        for ((lock, token), claims) in self.claims.iter().rev() {
            let of_lock = later.filter(|(other, ..)| *other == lock.as_str());
            if let Some((_, other, begun)) = of_lock.filter(|(_, _, begun)| *begun < claims.lasted) {
                let by = claims.lasted - begun;
                found.push(format!("{lock}: {token} held for {by} ns after {other} had begun to"));
            }
            later = match of_lock {
                Some((_, _, begun)) if begun <= claims.begun => of_lock,
                _ => Some((lock.as_str(), *token, claims.begun)),
            };
        }
        found
    }

    /// The worker that is to be resumed: another holder has written behind the lock that it had.
    pub(super) fn to_resume(&self) -> Option<String> {
        let frozen = self.frozen.as_ref()?;
        let fence = self.fences.get(&frozen.lock)?;
        (*fence > frozen.token).then(|| frozen.worker.clone())
    }

    /// Whether each kind of fate struck, and the fence refused so many late writes.
    pub(super) fn has_proved(&self, refused: u64) -> bool {
        let fates = [Fate::Frozen, Fate::Killed, Fate::ClockForward, Fate::ClockBack];
        self.writes.refused >= refused && fates.iter().all(|fate| self.fates.contains_key(fate))
    }

    /// The end of a connection: its process is gone.
    fn gone(&mut self, connection: u64) {
        self.frozen.take_if(|frozen| frozen.connection == connection);
    }

    /// Notes a record; the answer to one that asks.
    fn note(&mut self, record: StoreRecord, connection: u64) -> Option<bool> {
        match record {
            StoreRecord::Claim { lock, token, from, until } => {
                let claims =
                    self.claims.entry((lock, token)).or_insert(Claims { begun: until, lasted: from });
                claims.begun = claims.begun.min(until);
                claims.lasted = claims.lasted.max(from);
            }
            StoreRecord::Write { lock, token } => {
                let fence = self.fences.entry(lock).or_default();
                if token < *fence {
                    self.writes.refused += 1;
                    return Some(false);
                }
                *fence = token;
                self.writes.accepted += 1;
                return Some(true);
            }
            StoreRecord::Freeze { worker, lock, token } => {
                let may = self.frozen.is_none();
                if may {
                    *self.fates.entry(Fate::Frozen).or_default() += 1;
                    self.frozen = Some(Frozen { worker, lock, token, connection });
                }
                return Some(may);
            }
            StoreRecord::Awake => self.frozen = None,
            StoreRecord::Fate(fate) => *self.fates.entry(fate).or_default() += 1,
            StoreRecord::Try { key, number } => self.numbers.entry(key).or_default().open.push(number),
            StoreRecord::Done { key, number, outcome } => {
                let numbers = self.numbers.entry(key).or_default();
                let known = match outcome {
                    WriteOutcome::Written => Some(&mut numbers.written),
                    WriteOutcome::Refused => Some(&mut numbers.refused),
                    WriteOutcome::Unknown => None,
                };
                if let (Some(known), Some(at)) =
                    (known, numbers.open.iter().rposition(|open| *open == number))
                {
                    known.push(numbers.open.swap_remove(at));
                }
            }
            StoreRecord::Taken => self.taken += 1,
            StoreRecord::SessionStep => self.session_steps += 1,
            StoreRecord::State { watcher, entries } => drop(self.states.insert(watcher, entries)),
            StoreRecord::Broken(what) => self.broken.push(what),
        }
        None
    }
}

/// A ledger that workers reach over TCP.
#[derive(Debug)]
pub(super) struct LedgerServer {
    pub(super) address: String,
    ledger: Arc<Mutex<Ledger>>,
    _accepting: AbortOnDropHandle<()>,
}

impl LedgerServer {
    pub(super) async fn start() -> Result<Self, BoxError> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, ledger) = (listener.local_addr()?.to_string(), Arc::new(Mutex::new(Ledger::default())));
        let accepting = tokio::spawn({
            let ledger = Arc::clone(&ledger);
            async move {
                for connection in 0.. {
                    let Ok((socket, _)) = listener.accept().await else { return };
                    // It ends with its worker.
                    drop(tokio::spawn(serve(socket, Arc::clone(&ledger), connection)));
                }
            }
        });
        Ok(Self { address, ledger, _accepting: AbortOnDropHandle::new(accepting) })
    }

    pub(super) fn read(&self) -> MutexGuard<'_, Ledger> {
        locked(&self.ledger)
    }
}

fn locked(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(socket: TcpStream, ledger: Arc<Mutex<Ledger>>, connection: u64) {
    let (records, mut answers) = socket.into_split();
    let mut lines = BufReader::new(records).lines();
    // A worker that was killed may leave half a line.
    while let Ok(Some(line)) = lines.next_line().await {
        let Ok(record) = serde_json::from_str::<StoreRecord>(&line) else { break };
        let answer = locked(&ledger).note(record, connection);
        if let Some(answer) = answer
            && answers.write_all(if answer { b"yes\n" } else { b"no\n" }).await.is_err()
        {
            break;
        }
    }
    locked(&ledger).gone(connection);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(lock: &str, token: u64, from: u64, until: u64) -> StoreRecord {
        StoreRecord::Claim { lock: lock.to_owned(), token, from, until }
    }

    #[test]
    fn two_holders_at_once_are_found() {
        let mut ledger = Ledger::default();
        for record in
            [claim("a", 1, 10, 11), claim("a", 1, 20, 21), claim("a", 2, 22, 23), claim("b", 3, 5, 6)]
        {
            ledger.note(record, 0);
        }
        assert_eq!((ledger.overlaps().len(), ledger.rounds()), (0, 3));
        ledger.note(claim("a", 1, 30, 31), 0);
        assert_eq!(ledger.overlaps(), ["a: 1 held for 7 ns after 2 had begun to"]);
        // A process that was frozen between the check and the second reading of the clock claims nothing.
        let mut ledger = Ledger::default();
        ledger.note(claim("a", 1, 10, 5000), 0);
        ledger.note(claim("a", 2, 20, 21), 0);
        assert!(ledger.overlaps().is_empty());
    }

    #[test]
    fn the_fence_refuses_smaller_tokens() {
        let mut ledger = Ledger::default();
        let mut write = |token| ledger.note(StoreRecord::Write { lock: "a".to_owned(), token }, 0);
        assert_eq!([write(7), write(7), write(9), write(8)].map(Option::unwrap), [true, true, true, false]);
    }

    #[test]
    fn one_holder_is_frozen_at_a_time_and_until_another_one_has_written() {
        let mut ledger = Ledger::default();
        let freeze = |worker: &str, lock: &str, token| StoreRecord::Freeze {
            worker: worker.to_owned(),
            lock: lock.to_owned(),
            token,
        };
        let write = |lock: &str, token| StoreRecord::Write { lock: lock.to_owned(), token };
        assert_eq!(ledger.note(write("a", 7), 1), Some(true));
        assert_eq!(ledger.note(freeze("one", "a", 7), 1), Some(true));
        assert_eq!(ledger.note(freeze("two", "b", 1), 2), Some(false));
        assert_eq!(ledger.note(write("b", 9), 2), Some(true));
        assert_eq!(ledger.to_resume(), None);
        assert_eq!(ledger.note(write("a", 8), 2), Some(true));
        assert_eq!(ledger.to_resume().as_deref(), Some("one"));
        assert_eq!(ledger.note(StoreRecord::Awake, 3), None);
        assert_eq!(ledger.to_resume(), None);
        // Its process is gone: nobody says that it is awake.
        assert_eq!(ledger.note(freeze("two", "b", 9), 2), Some(true));
        ledger.gone(1);
        assert_eq!(ledger.note(freeze("one", "a", 10), 1), Some(false));
        ledger.gone(2);
        assert_eq!(ledger.note(freeze("one", "a", 10), 1), Some(true));
    }
}
