//! Settings that change while the service runs: on SIGHUP, and with the feature `watch` when a file changes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use underpin_config::{ConfigError, Live, Reload};
use underpin_errors::Error;
use underpin_logger::{Context, LevelHandle, Logger, error, info, warn};

use crate::{ServiceSettings, meters};

type Subscriber<S> = Arc<dyn Fn(&S) + Send + Sync>;

/// The subscribers of new settings. Clones share them.
pub(crate) struct Subscribers<S>(Arc<Mutex<Vec<Subscriber<S>>>>);

impl<S> Clone for Subscribers<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S> Default for Subscribers<S> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<S> Subscribers<S> {
    pub(crate) fn add(&self, subscriber: impl Fn(&S) + Send + Sync + 'static) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::new(subscriber));
    }

    /// Calls all of them, in the order in which they subscribed. A panic is logged.
    pub(crate) fn tell(&self, settings: &S, log: &Arc<dyn Logger>) {
        // Under no lock: a subscriber may take its time.
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for subscriber in all {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| subscriber(settings))) {
                meters::panicked("reload");
                error!(
                    log,
                    &Context::background(),
                    &Error::panicked(&*panic),
                    "subscriber of the settings panicked"
                );
            }
        }
    }
}

/// Reads the settings again and applies what can change.
pub(crate) struct Reloader<S> {
    live: Live<S>,
    /// The level rules of the settings in force.
    level: Mutex<String>,
    levels: LevelHandle,
    subscribers: Subscribers<S>,
    log: Arc<dyn Logger>,
}

impl<S: ServiceSettings> Reloader<S> {
    pub(crate) fn new(
        live: Live<S>,
        levels: LevelHandle,
        subscribers: Subscribers<S>,
        log: Arc<dyn Logger>,
    ) -> Self {
        let level = Mutex::new(live.read().logger().level);
        Self { live, level, levels, subscribers, log }
    }

    /// Reads the settings again. Blocks: it reads files.
    pub(crate) fn reload(&self) {
        self.apply(self.live.reload());
    }

    /// Reloads whenever a file of the settings changes, until the watch is dropped.
    #[cfg(feature = "watch")]
    pub(crate) fn watch(self: &Arc<Self>) -> Result<underpin_config::Watch, underpin_config::WatchError> {
        let reloader = Arc::clone(self);
        self.live.watch(move |result| reloader.apply(result))
    }

    /// Applies the settings that a reload has put into force. Refused ones change nothing.
    fn apply(&self, result: Result<Reload, ConfigError>) {
        let ctx = Context::background();
        match result {
            Ok(Reload::Unchanged) => {
                meters::reloaded("unchanged");
                info!(self.log, &ctx, "settings are unchanged");
            }
            Ok(Reload::Changed(changed)) => {
                let settings = self.live.current();
                self.set_level(&settings.logger().level);
                self.subscribers.tell(&settings, &self.log);
                meters::reloaded("changed");
                let (keys, needs_restart) = (changed.keys().join(" "), changed.needs_restart().join(" "));
                info!(self.log, &ctx, "settings reloaded", keys, needs_restart);
            }
            Ok(_) => {}
            Err(problems) => {
                meters::reloaded("refused");
                warn!(self.log, &ctx, &problems, "settings not reloaded, the old ones stay");
            }
        }
    }

    /// Only a change in the settings counts: a level that was set at the admin listener stays otherwise.
    fn set_level(&self, rules: &str) {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        if *level == rules {
            return;
        }
        rules.clone_into(&mut level);
        if let Err(problem) = self.levels.set(rules) {
            warn!(self.log, &Context::background(), &problem, "log level not changed");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use serde::Deserialize;
    use underpin_config::{Checks, Loader, Validate};
    use underpin_logger::testing::CaptureLogger;
    use underpin_logger::{Level, LevelRules, LoggerSettings};

    use super::*;

    #[derive(Deserialize)]
    struct Settings {
        count: u32,
        level: String,
    }

    impl Validate for Settings {
        fn validate(&self, checks: &mut Checks) {
            checks.ensure(self.count < 100, "count", "must be below 100");
        }
    }

    impl ServiceSettings for Settings {
        fn logger(&self) -> LoggerSettings {
            LoggerSettings::default().level(self.level.clone())
        }
    }

    #[test]
    fn a_reload_applies_what_is_valid_and_keeps_a_level_that_was_set_by_hand() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("app.toml");
        let write = |text: &str| std::fs::write(&file, text).unwrap();
        write("count = 1\nlevel = \"info\"");
        let live = Live::<Settings>::load(Loader::new("APP").file(&file).environment([("", ""); 0])).unwrap();
        let (log, seen) = (Arc::new(CaptureLogger::default()), Arc::new(AtomicU32::new(0)));
        let levels = LevelHandle::new(LevelRules::level(Level::Info));
        let subscribers = Subscribers::default();
        let count = Arc::clone(&seen);
        subscribers.add(move |settings: &Settings| count.store(settings.count, Ordering::SeqCst));
        let shared = Arc::clone(&log) as Arc<dyn Logger>;
        let reloader = Reloader::new(live, levels.clone(), subscribers, shared);

        levels.set("debug").unwrap();
        write("count = 2\nlevel = \"info\"");
        reloader.reload();
        assert_eq!((seen.load(Ordering::SeqCst), levels.rules().to_string().as_str()), (2, "debug"));
        write("count = 3\nlevel = \"warn\"");
        reloader.reload();
        assert_eq!((seen.load(Ordering::SeqCst), levels.rules().to_string().as_str()), (3, "warn"));
        write("count = 100\nlevel = \"trace\"");
        reloader.reload();
        assert_eq!((seen.load(Ordering::SeqCst), levels.rules().to_string().as_str()), (3, "warn"));
        log.assert_logged(Level::Warn, "settings not reloaded, the old ones stay");
    }
}
