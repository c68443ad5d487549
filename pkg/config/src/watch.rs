//! Reload when a file changes.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use serde::de::DeserializeOwned;

use crate::load::profile;
use crate::{ConfigError, Live, Loader, Reload, Validate};

/// A change counts when it has been quiet for this long: an editor that renames, or a copy, makes several events.
const SETTLE: Duration = Duration::from_millis(50);
/// Where the end of a write can be seen (Linux), a file that is being written is waited for, at most this long.
const LONGEST_WRITE: Duration = Duration::from_secs(5);

impl<T: DeserializeOwned + Validate + Send + Sync + 'static> Live<T> {
    /// Reloads whenever a file, profile file, `.env` file or secrets directory of the loader changes, until the [`Watch`] is
    /// dropped. `notice` receives the result of each reload, on the thread of the watch; log there.
    ///
    /// Directories are watched instead of files, so that an editor's rename and the `..data` swap of a Kubernetes `ConfigMap`
    /// are seen like any other write. A file that is open for writing is not read until it is closed (on Linux; elsewhere
    /// until it has been quiet for 50 ms), so that a half-written file is never taken for a short one.
    ///
    /// # Errors
    /// When the operating system cannot watch, for example because its limit of watches is reached.
    pub fn watch(
        &self,
        notice: impl FnMut(Result<Reload, ConfigError>) + Send + 'static,
    ) -> Result<Watch, WatchError> {
        let (sender, receiver) = mpsc::channel();
        let events = sender.clone();
        let watcher = notify::recommended_watcher(move |event| drop(events.send(Message::Event(event))))?;
        let mut watching = Watching { live: self.clone(), notice, watcher, watched: BTreeSet::new() };
        watching.arm()?;
        let thread = thread::Builder::new()
            .name("config-watch".to_owned())
            .spawn(move || watching.run(&receiver))
            .map_err(|error| WatchError(notify::Error::io(error)))?;
        Ok(Watch { sender, thread: Some(thread) })
    }
}

/// Watches the files of live settings; made by [`Live::watch`]. Dropping it stops the watch and waits for its thread.
#[must_use = "the watch ends when this is dropped"]
pub struct Watch {
    sender: Sender<Message>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.sender.send(Message::Stop)); // fails when the thread is gone already
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            drop(thread.join()); // a panic of `notice` has been printed by its own thread
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

/// The operating system cannot watch the files.
#[derive(Debug, thiserror::Error)]
#[error("the files of the configuration cannot be watched")]
pub struct WatchError(#[source] notify::Error);

impl From<notify::Error> for WatchError {
    fn from(error: notify::Error) -> Self {
        Self(error)
    }
}

enum Message {
    Event(notify::Result<Event>),
    Stop,
}

struct Watching<T, N> {
    live: Live<T>,
    notice: N,
    watcher: RecommendedWatcher,
    watched: BTreeSet<(PathBuf, bool)>,
}

impl<T, N> Watching<T, N>
where
    T: DeserializeOwned + Validate + Send + Sync + 'static,
    N: FnMut(Result<Reload, ConfigError>),
{
    fn run(mut self, messages: &Receiver<Message>) {
        // The first turn comes without an event: a change between the first load and the first watch would be lost.
        let mut settling = Settling::default();
        while settling.wait(messages) {
            if let Some(result) = self.reload() {
                if result != Ok(Reload::Unchanged) {
                    (self.notice)(result);
                }
                settling = Settling::default();
                // Whatever comes next starts a new turn; our own reading does not.
                loop {
                    match messages.recv() {
                        Ok(Message::Event(event)) if settling.sees(&event) => break,
                        Ok(Message::Event(_)) => {}
                        Ok(Message::Stop) | Err(_) => return,
                    }
                }
            }
        }
    }

    /// `None` when a file changed while it was read: then it has to settle once more.
    fn reload(&mut self) -> Option<Result<Reload, ConfigError>> {
        let before = Stamps::of(self.live.loader());
        if before.are_fresh() {
            return None;
        }
        let result = self.live.reload_if(|| Stamps::of(self.live.loader()) == before);
        // A link may point elsewhere now, a directory may have come or gone. What cannot be watched at the moment is tried again
        // after the next event; the directories above it are watched in any case.
        drop(self.arm());
        result
    }

    /// Watches what has to be watched now and forgets the rest.
    fn arm(&mut self) -> notify::Result<()> {
        let targets = places(self.live.loader());
        for (gone, _) in self.watched.difference(&targets) {
            drop(self.watcher.unwatch(gone)); // fails when the directory is gone, which is fine
        }
        self.watched.retain(|place| targets.contains(place));
        let mut result = Ok(());
        for place in targets {
            let mode = if place.1 { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
            // Watched again each time: a directory that was replaced has the same name and is another one.
            match self.watcher.watch(&place.0, mode) {
                Ok(()) => drop(self.watched.replace(place)),
                Err(error) => result = Err(error),
            }
        }
        result
    }
}

/// The directories to watch, and whether with everything below.
fn places(loader: &Loader) -> BTreeSet<(PathBuf, bool)> {
    let mut places = BTreeSet::new();
    for file in loader.files.iter().chain(&loader.dotenvs) {
        places.insert((existing(directory_of(&file.path)), false));
        if let Ok(real) = file.path.canonicalize() {
            places.insert((existing(directory_of(&real)), false));
        }
    }
    for root in &loader.secrets_dirs {
        places.insert((existing(directory_of(&root.path)), false));
        if root.path.is_dir() {
            places.insert((root.path.clone(), true));
        }
    }
    let recursive: Vec<PathBuf> =
        places.iter().filter(|(_, below)| *below).map(|(path, _)| path.clone()).collect();
    places.retain(|(path, below)| *below || !recursive.contains(path));
    places
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The directory itself or the first one above it that exists.
fn existing(directory: &Path) -> PathBuf {
    directory.ancestors().find(|ancestor| ancestor.is_dir()).unwrap_or(Path::new(".")).to_owned()
}

/// When each file was written last. A file that is truncated and written in place has a new stamp at once.
#[derive(PartialEq)]
struct Stamps(Vec<(PathBuf, SystemTime, u64)>);

impl Stamps {
    fn of(loader: &Loader) -> Self {
        let files = loader.files.iter().flat_map(|file| profile::family(&file.path));
        let all = files.chain(loader.dotenvs.iter().map(|file| file.path.clone()));
        let stamp = |path: PathBuf| {
            let metadata = path.metadata().ok()?;
            Some((path, metadata.modified().ok()?, metadata.len()))
        };
        Self(all.filter_map(stamp).collect())
    }

    /// Whether a file was written less than the settling time ago. A time in the future says nothing.
    fn are_fresh(&self) -> bool {
        self.0.iter().any(|(_, written, _)| written.elapsed().is_ok_and(|age| age < SETTLE))
    }
}

/// Waits until a burst of events is over.
#[derive(Default)]
struct Settling {
    /// Files that were written to and not closed yet.
    writing: BTreeSet<PathBuf>,
}

impl Settling {
    /// Whether the event can mean a change. Our own reading makes events as well, which do not count.
    fn sees(&mut self, event: &notify::Result<Event>) -> bool {
        let Ok(event) = event else { return true }; // the watcher may have missed something
        match event.kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) | EventKind::Remove(_) => {
                self.writing.retain(|path| !event.paths.contains(path));
                true
            }
            EventKind::Access(_) => event.need_rescan(),
            EventKind::Modify(ModifyKind::Data(_)) => {
                if cfg!(target_os = "linux") {
                    self.writing.extend(event.paths.iter().cloned());
                }
                true
            }
            EventKind::Modify(ModifyKind::Name(_)) => {
                self.writing.retain(|path| !event.paths.contains(path));
                true
            }
            _ => true,
        }
    }

    /// False when the watch has to stop.
    fn wait(&mut self, messages: &Receiver<Message>) -> bool {
        let give_up = Instant::now() + LONGEST_WRITE;
        loop {
            let left = give_up.saturating_duration_since(Instant::now());
            let pause = if self.writing.is_empty() { SETTLE.min(left) } else { left };
            match messages.recv_timeout(pause) {
                Ok(Message::Event(event)) => drop(self.sees(&event)),
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
                Err(RecvTimeoutError::Timeout) => return true,
            }
        }
    }
}
