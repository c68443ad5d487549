use std::io;

use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Which cores client and server run on.
///
/// Where both share all cores, a latency contains the time for which the scheduler let the other side run. On a core each,
/// it is the work of the client, of the server and of the socket between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Client and server share all cores.
    Shared,
    /// The server runs on one core and the client on another.
    Pinned {
        /// The core of the server.
        server: usize,
        /// The core of the client.
        client: usize,
    },
}

impl Placement {
    /// Both arrangements, or only the shared one on a machine with a single core.
    ///
    /// # Errors
    /// When the system does not tell the cores of this process.
    pub fn all() -> io::Result<Vec<Self>> {
        let allowed = sched_getaffinity(None)?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        let pinned = cores.next().zip(cores.next()).map(|(server, client)| Self::Pinned { server, client });
        Ok(std::iter::once(Self::Shared).chain(pinned).collect())
    }

    /// Puts processes of the server on their core. Processes that they start later inherit it.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn place_server(self, processes: impl IntoIterator<Item = u32>) -> io::Result<()> {
        if let Self::Pinned { server, .. } = self {
            for pid in processes.into_iter().filter_map(|pid| Pid::from_raw(pid.cast_signed())) {
                sched_setaffinity(Some(pid), &only(server))?;
            }
        }
        Ok(())
    }

    /// Puts this thread on the core of the client. Threads and processes that it starts later inherit it.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn place_client(self) -> io::Result<()> {
        if let Self::Pinned { client, .. } = self {
            sched_setaffinity(None, &only(client))?;
        }
        Ok(())
    }

    /// The title of a table with this arrangement.
    pub fn title(self, what: &str) -> String {
        match self {
            Self::Shared => what.to_owned(),
            Self::Pinned { .. } => format!("{what}, server and client on a core each"),
        }
    }
}

fn only(core: usize) -> CpuSet {
    let mut cores = CpuSet::new();
    cores.set(core);
    cores
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pinned_thread_and_its_children_run_on_one_core() {
        for placement in Placement::all().unwrap() {
            let before = sched_getaffinity(None).unwrap();
            // In a new thread: the harness keeps its cores.
            let seen = std::thread::spawn(move || {
                placement.place_client().unwrap();
                std::thread::spawn(|| sched_getaffinity(None).unwrap()).join().unwrap()
            });
            let expected = match placement {
                Placement::Shared => before,
                Placement::Pinned { client, .. } => only(client),
            };
            assert_eq!(seen.join().unwrap(), expected, "{placement:?}");
        }
    }
}
