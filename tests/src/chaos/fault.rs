use std::fmt;
use std::time::{Duration, SystemTime};

use super::random::Random;

/// What a fault hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Target {
    Worker(&'static str),
    Server(Server),
    Link(&'static str, Server),
}

/// The two servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Server {
    Postgres,
    Nats,
}

/// What is done to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// SIGKILL, and started again afterwards.
    Kill,
    /// SIGSTOP, and SIGCONT afterwards.
    Freeze,
    /// An orderly stop (SIGTERM; SIGINT for PostgreSQL), and started again afterwards.
    Restart,
    /// Connections are reset and refused.
    Cut,
    /// Connections carry nothing.
    Stall,
    /// Everything arrives late.
    Slow,
    /// The connections of the moment are dead for ever without a word; new ones work.
    Forget,
    /// A message that the NATS client cannot read is published.
    Malformed,
}

/// One fault of the schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Since the start of the run.
    pub(crate) at: Duration,
    pub(crate) target: Target,
    pub(crate) kind: FaultKind,
    /// How long until it is healed.
    pub(crate) lasts: Duration,
}

/// A fault that has happened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InjectedFault {
    pub(crate) fault: Fault,
    pub(crate) healed: SystemTime,
}

pub(crate) const WORKERS: [&str; 7] =
    ["producer", "relay-1", "relay-2", "relay-3", "consumer-1", "consumer-2", "consumer-3"];

/// Who takes part in a run, and what can happen to whom.
pub(crate) struct Cast {
    pub(crate) workers: &'static [&'static str],
    pub(crate) servers: &'static [Server],
    /// Which servers a worker talks to.
    pub(crate) servers_of: fn(&str) -> &'static [Server],
    /// Malformed messages among a hundred faults.
    pub(crate) malformed: u64,
}

/// The outbox, the relay and the inbox.
pub(crate) const OUTBOX: Cast =
    Cast { workers: &WORKERS, servers: &[Server::Postgres, Server::Nats], servers_of, malformed: 5 };

/// Which servers a worker talks to.
pub(crate) fn servers_of(worker: &str) -> &'static [Server] {
    if worker == "producer" { &[Server::Postgres] } else { &[Server::Postgres, Server::Nats] }
}

/// The faults of a run: the same for the same seed, length and gap.
///
/// A target has one fault at a time; different ones may have theirs together. The last second stays quiet.
pub(crate) fn schedule(cast: &Cast, seed: u64, length: Duration, gap: Duration) -> Vec<Fault> {
    let mut random = Random::new(seed);
    let (mut faults, mut at) = (Vec::<Fault>::new(), gap);
    while at + Duration::from_secs(1) < length {
        let (target, kind, lasts) = draw(cast, &mut random);
        let rest = Duration::from_millis(500);
        let is_free =
            faults.iter().filter(|f| f.target == target).all(|fault| fault.at + fault.lasts + rest <= at);
        if is_free {
            faults.push(Fault { at, target, kind, lasts });
            at += random.between(gap / 5, gap * 9 / 5);
        }
    }
    faults
}

fn draw(cast: &Cast, random: &mut Random) -> (Target, FaultKind, Duration) {
    let worker = random.pick(cast.workers).copied().unwrap_or("producer");
    let ms = Duration::from_millis;
    let drawn = random.below(100);
    match drawn {
        0..28 => (Target::Worker(worker), FaultKind::Kill, random.between(ms(0), ms(1500))),
        // Up to twice the lease of a relay and more than the time that a consumer has to answer.
        28..48 => (Target::Worker(worker), FaultKind::Freeze, random.between(ms(300), ms(6000))),
        // At a time when the server has no other fault, so that it stores the message.
        48.. if drawn < 48 + cast.malformed => {
            (Target::Server(Server::Nats), FaultKind::Malformed, Duration::ZERO)
        }
        48..63 => {
            let server = random.pick(cast.servers).copied().unwrap_or(Server::Nats);
            let kind = random
                .pick(&[FaultKind::Kill, FaultKind::Kill, FaultKind::Freeze, FaultKind::Restart])
                .copied();
            (Target::Server(server), kind.unwrap_or(FaultKind::Kill), random.between(ms(100), ms(2000)))
        }
        _ => {
            let server = random.pick((cast.servers_of)(worker)).copied().unwrap_or(Server::Nats);
            let target = Target::Link(worker, server);
            match random.below(4) {
                0 => (target, FaultKind::Cut, random.between(ms(0), ms(2500))),
                1 => (target, FaultKind::Stall, random.between(ms(300), ms(5000))),
                2 => (target, FaultKind::Slow, random.between(ms(500), ms(4000))),
                _ => (target, FaultKind::Forget, Duration::ZERO),
            }
        }
    }
}

impl Fault {
    /// What the report counts it as, for example `kill relay`.
    pub(crate) fn label(&self) -> String {
        let role = |worker: &str| worker.split('-').next().unwrap_or_default().to_owned();
        match self.target {
            Target::Worker(worker) => format!("{} {}", self.kind, role(worker)),
            Target::Server(server) => format!("{} {server}", self.kind),
            Target::Link(worker, server) => format!("{} link {} - {server}", self.kind, role(worker)),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, target, kind, lasts } = self;
        write!(f, "{:.1} s: {kind} {target} for {} ms", at.as_secs_f64(), lasts.as_millis())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Worker(worker) => f.write_str(worker),
            Self::Server(server) => server.fmt(f),
            Self::Link(worker, server) => write!(f, "link {worker} - {server}"),
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Postgres => "PostgreSQL",
            Self::Nats => "NATS",
        })
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kill => "kill",
            Self::Freeze => "freeze",
            Self::Restart => "restart",
            Self::Cut => "cut",
            Self::Stall => "stall",
            Self::Slow => "slow",
            Self::Forget => "forget",
            Self::Malformed => "malformed header to",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_seed_always_means_the_same_faults() {
        let minute = Duration::from_secs(60);
        let of = |seed| schedule(&OUTBOX, seed, minute, Duration::from_secs(1));
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }

    #[test]
    fn half_an_hour_has_hundreds_of_faults_of_every_kind_and_each_target_one_at_a_time() {
        let faults = schedule(&OUTBOX, 7, Duration::from_secs(1800), Duration::from_millis(2500));
        assert!((600..900).contains(&faults.len()), "{}", faults.len());
        let kinds: BTreeSet<String> = faults.iter().map(Fault::label).collect();
        // Kill and freeze of three roles; three faults of two servers; four of five kinds of links; malformed headers.
        assert_eq!(kinds.len(), 6 + 6 + 20 + 1, "{kinds:?}");
        for (place, fault) in faults.iter().enumerate() {
            let earlier = faults.iter().take(place).filter(|earlier| earlier.target == fault.target);
            assert!(earlier.into_iter().all(|earlier| earlier.at + earlier.lasts < fault.at));
        }
    }
}
