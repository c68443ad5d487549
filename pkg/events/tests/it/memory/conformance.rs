//! The in-memory bus against the behaviour suite, without and with a journal.

use std::sync::Arc;

use async_trait::async_trait;
use tempfile::TempDir;
use underpin_events::conformance::{Bus, Capabilities, Harness};
use underpin_events::memory::{JournalSettings, JournalSync, MemoryBus, MemorySettings};
use underpin_logger::NoopLogger;

struct Memory(MemoryBus);

#[async_trait]
impl Harness for Memory {
    async fn start() -> Self {
        Self(MemoryBus::new())
    }

    async fn bus(&self) -> Arc<dyn Bus> {
        Arc::new(self.0.clone())
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }
}

underpin_events::conformance_tests!(Memory);

mod journaled {
    use super::*;

    /// What the suite sees is what was written to the file as well.
    struct Journaled {
        bus: MemoryBus,
        _folder: TempDir,
    }

    #[async_trait]
    impl Harness for Journaled {
        async fn start() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let mut journal = JournalSettings::new(folder.path().join("events.journal"));
            journal.sync = JournalSync::Always;
            let mut settings = MemorySettings::default();
            settings.journal = Some(journal);
            let bus = MemoryBus::with_settings(settings, Arc::new(NoopLogger)).unwrap();
            Self { bus, _folder: folder }
        }

        async fn bus(&self) -> Arc<dyn Bus> {
            Arc::new(self.bus.clone())
        }

        fn capabilities(&self) -> Capabilities {
            Capabilities::default()
        }
    }

    underpin_events::conformance_tests!(Journaled);
}
