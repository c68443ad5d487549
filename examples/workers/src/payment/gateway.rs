//! The payment gateway: another company's server, simulated by a file.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use underpin_errors::{Error, Kind, ResultExt as _};
use uuid::Uuid;

use crate::GatewaySettings;

/// Charges customers. Like those of real providers it takes an idempotency key, and one charge belongs to a key.
#[async_trait]
pub(crate) trait Gateway: Send + Sync + 'static {
    /// Charges, and returns the id of the charge: of the earlier one if the key was charged before.
    ///
    /// # Errors
    /// The gateway does not answer. It may have charged.
    async fn charge(&self, key: &str, cents: i64) -> Result<String, Error>;
}

/// A gateway that writes its charges to a file, a line each: key, cents and charge.
pub(crate) struct LedgerGateway {
    ledger: PathBuf,
    hangs_left: AtomicU32,
}

impl LedgerGateway {
    pub(crate) fn new(settings: &GatewaySettings) -> Self {
        Self { ledger: settings.ledger.clone(), hangs_left: AtomicU32::new(settings.hang_first) }
    }

    fn record(&self, key: &str, cents: i64) -> io::Result<String> {
        if let Some(folder) = self.ledger.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut file: File = OpenOptions::new().read(true).append(true).create(true).open(&self.ledger)?;
        // Until it is closed: several processes charge.
        file.lock()?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let fields = |line: &str| line.split('\t').map(str::to_owned).collect::<Vec<_>>();
        let known = text.lines().map(fields).find(|fields| fields.first().is_some_and(|known| known == key));
        if let Some(charge) = known.and_then(|fields| fields.get(2).cloned()) {
            return Ok(charge);
        }
        let charge = Uuid::now_v7().to_string();
        file.write_all(format!("{key}\t{cents}\t{charge}\n").as_bytes())?;
        file.sync_all()?;
        Ok(charge)
    }
}

#[async_trait]
impl Gateway for LedgerGateway {
    async fn charge(&self, key: &str, cents: i64) -> Result<String, Error> {
        let charge =
            self.record(key, cents).wrap_err(Kind::Unavailable, "write to the ledger of the gateway")?;
        let hangs =
            self.hangs_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if hangs.is_ok() {
            std::future::pending::<()>().await;
        }
        Ok(charge)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_is_charged_once() {
        let folder = tempfile::tempdir().unwrap();
        let settings = GatewaySettings { ledger: folder.path().join("ledger"), ..GatewaySettings::default() };
        let gateway = LedgerGateway::new(&settings);
        let first = gateway.charge("pay-1", 999).await.unwrap();
        assert_eq!(LedgerGateway::new(&settings).charge("pay-1", 999).await.unwrap(), first);
        assert_ne!(gateway.charge("pay-2", 999).await.unwrap(), first);
        assert_eq!(std::fs::read_to_string(settings.ledger).unwrap().lines().count(), 2);
    }
}
