use std::io::{Cursor, Write as _};
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::Mutex;
use underpin_errors::{Error, Kind, ResultExt as _};
use underpin_logger::{Logger, info, warn};
use underpin_objects::{
    GetObject, ObjectData, ObjectExpect, ObjectName, Objects, ObjectsExt as _, PutObject, StoreError,
};
use underpin_rpc::Call;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::{Named, SaveFile, SavedFile};

/// The largest settings, as JSON.
const LARGEST: usize = 64 * 1024;

/// The settings in their bucket. Clones share it.
#[derive(Clone)]
pub(crate) struct UserSettings {
    objects: Arc<dyn Objects>,
    /// One write at a time: where the store cannot delete a version only, an archive must not delete what was saved meanwhile.
    writes: Arc<Mutex<()>>,
    log: Arc<dyn Logger>,
}

impl UserSettings {
    pub(crate) fn new(objects: Arc<dyn Objects>, log: Arc<dyn Logger>) -> Self {
        Self { objects, writes: Arc::default(), log }
    }

    /// Saves settings. Returned is stored.
    ///
    /// # Errors
    /// 400 `INVALID_FILENAME`, `SETTINGS_TOO_LARGE`, and what the store says.
    pub(super) async fn save(self, file: SaveFile, _: Call) -> Result<SavedFile, Error> {
        let SaveFile { filename, content } = file;
        let named = Named { filename };
        named.check()?;
        let json = content.to_string();
        let size = json.len();
        if size > LARGEST {
            let text = format!("the settings are larger than {LARGEST} bytes");
            return Err(Error::bad_request(text).code("SETTINGS_TOO_LARGE"));
        }
        let _write = self.writes.lock().await;
        let name = ObjectName::new(&named.filename)?;
        self.objects.put(&name, ObjectData::from(json), PutObject::default()).await?;
        Ok(SavedFile { success: true, filename: named.filename, size })
    }

    /// Reads settings.
    ///
    /// # Errors
    /// 400 `INVALID_FILENAME`, 404 `SETTINGS_NOT_FOUND`, and what the store says.
    pub(super) async fn read(self, named: Named, _: Call) -> Result<Value, Error> {
        named.check()?;
        let json = self.objects.read_bytes(&named.filename, LARGEST).await?.ok_or_else(missing)?;
        serde_json::from_slice(&json).wrap_err(Kind::DataLoss, "read settings")
    }

    /// Archives settings. Nobody waits for the answer, so the log has it.
    ///
    /// # Errors
    /// Those of the service, which rpc logs.
    pub(super) async fn archive(self, named: Named, call: Call) -> Result<(), Error> {
        let (log, ctx) = (&self.log, call.context());
        match self.replace(&named).await {
            Ok(archive) => info!(log, ctx, "settings archived", archive = archive.as_str()),
            Err(error) if error.is_client_error() => warn!(log, ctx, &error, "settings not archived"),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Stores the archive, then deletes the settings. Killed in between, both are there, and the next archive replaces the first.
    async fn replace(&self, named: &Named) -> Result<String, Error> {
        let stem = named.check()?;
        let archive = format!("{stem}.zip");
        let name = ObjectName::new(&named.filename)?;
        let _write = self.writes.lock().await;
        let found = self.objects.get(&name, GetObject::default()).await?.ok_or_else(missing)?;
        let version = found.info().version.clone();
        let json = found.read_all(LARGEST).await?;
        let zip = zipped(&named.filename, &json).wrap_err(Kind::Internal, "make a ZIP file")?;
        self.objects.put(&ObjectName::new(&archive)?, ObjectData::from(zip), PutObject::default()).await?;
        match self.objects.delete(&name, ObjectExpect::Version(version)).await {
            // Another process has saved meanwhile: its settings stay.
            Ok(_) | Err(StoreError::Conflict { .. }) => {}
            // A folder belongs to one process.
            Err(StoreError::Unsupported { .. }) => {
                self.objects.delete(&name, ObjectExpect::Anything).await?;
            }
            Err(error) => return Err(error.into()),
        }
        Ok(archive)
    }
}

fn missing() -> Error {
    Error::not_found("there are no settings of this name").code("SETTINGS_NOT_FOUND")
}

/// A ZIP file with one file.
fn zipped(filename: &str, content: &[u8]) -> zip::result::ZipResult<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    zip.start_file(filename, options)?;
    zip.write_all(content)?;
    Ok(zip.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn a_zip_file_has_the_settings() {
        let content = "{\"theme\":\"dark\"}".repeat(100);
        let bytes = zipped("user123.json", content.as_bytes()).unwrap();
        assert!(bytes.len() < content.len() / 4, "{}", bytes.len());
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let mut read = String::new();
        archive.by_name("user123.json").unwrap().read_to_string(&mut read).unwrap();
        assert_eq!((archive.len(), read), (1, content));
    }
}
