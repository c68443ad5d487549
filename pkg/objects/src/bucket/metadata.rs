//! The metadata of an object, as the NATS object-store specification (ADR-20) lays it out.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use underpin_store::{Entry, Key};

use crate::{ObjectDigest, ObjectExpect, ObjectInfo, ObjectName, ObjectVersion, StoreError};

const DIGEST: &str = "SHA-256=";
const CONTENT_TYPE: &str = "Content-Type";

/// What is stored below the name of an object. Other clients pass over what they do not know.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Metadata {
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) headers: Option<BTreeMap<String, Vec<String>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) metadata: Option<BTreeMap<String, String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) options: Option<StoredOptions>,
    pub(super) bucket: String,
    #[serde(default)]
    pub(super) nuid: String,
    #[serde(default)]
    pub(super) size: u64,
    #[serde(default)]
    pub(super) chunks: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) digest: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) deleted: bool,
    /// Ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) underpin: Option<Placement>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct StoredOptions {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) max_chunk_size: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) link: Option<Link>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Link {
    pub(super) bucket: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
}

/// Present in what this crate wrote: with `max_chunk_size`, every chunk but the last has that size.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Placement {
    /// The position of the first chunk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) first: Option<u64>,
    /// The time to live in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ttl: Option<u64>,
}

/// Metadata with its write.
#[derive(Clone, Debug)]
pub(super) struct Current {
    pub(super) entry: Entry,
    pub(super) metadata: Metadata,
}

/// The key of a name.
pub(super) fn key(name: &ObjectName) -> Result<Key, StoreError> {
    Key::new(&URL_SAFE.encode(name.as_str()))
}

pub(super) fn digest_text(digest: &ObjectDigest) -> String {
    format!("{DIGEST}{}", URL_SAFE.encode(digest.as_bytes()))
}

/// The headers that carry a media type.
pub(super) fn headers(content_type: Option<String>) -> Option<BTreeMap<String, Vec<String>>> {
    Some(BTreeMap::from([(CONTENT_TYPE.to_owned(), vec![content_type?])]))
}

impl Metadata {
    pub(super) fn to_bytes(&self) -> Result<Bytes, StoreError> {
        serde_json::to_vec(self).map(Into::into).map_err(|error| StoreError::Encode(error.into()))
    }

    pub(super) fn link(&self) -> Option<&Link> {
        self.options.as_ref()?.link.as_ref()
    }

    /// The size of each chunk but the last, where they have one.
    pub(super) fn even_chunks(&self) -> Option<u64> {
        self.underpin?;
        self.options.as_ref()?.max_chunk_size.filter(|size| *size > 0)
    }

    pub(super) fn digest(&self) -> Option<ObjectDigest> {
        let text = self.digest.as_deref()?.strip_prefix(DIGEST)?.trim_end_matches('=');
        Some(ObjectDigest::new(URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?))
    }

    /// What is left of a deleted object.
    pub(super) fn tombstone(self) -> Self {
        let Self { name, bucket, nuid, .. } = self;
        Self { name, bucket, nuid, deleted: true, ..Self::default() }
    }
}

impl Current {
    /// Reads an entry; none where it is no object's metadata: a client removed it without a trace.
    pub(super) fn read(entry: Entry) -> Result<Option<Self>, StoreError> {
        if !entry.is_put() {
            return Ok(None);
        }
        let metadata = serde_json::from_slice(&entry.value);
        let metadata = metadata.map_err(|error| StoreError::Corrupt(error.into()))?;
        Ok(Some(Self { entry, metadata }))
    }

    pub(super) fn version(&self) -> ObjectVersion {
        ObjectVersion::new(self.entry.revision.to_string())
    }

    pub(super) fn info(&self) -> Result<ObjectInfo, StoreError> {
        let Self { entry, metadata } = self;
        let name = ObjectName::new(&metadata.name)?;
        let mut info = ObjectInfo::new(name, metadata.size, self.version(), entry.written);
        info.digest = metadata.digest();
        let ttl = metadata.underpin.and_then(|placement| placement.ttl);
        info.expires = ttl.map(|seconds| entry.written + Duration::from_secs(seconds));
        info.description.clone_from(&metadata.description);
        info.metadata = metadata.metadata.clone().unwrap_or_default();
        for (header, values) in metadata.headers.iter().flatten() {
            let Some(value) = values.first() else { continue };
            if header.eq_ignore_ascii_case(CONTENT_TYPE) {
                info.content_type = Some(value.clone());
            } else {
                info.metadata.entry(header.clone()).or_insert_with(|| value.clone());
            }
        }
        Ok(info)
    }
}

/// Whether what is there is what was expected.
pub(super) fn check(expect: &ObjectExpect, found: Option<&Current>) -> Result<(), StoreError> {
    let revision = found.map(|current| current.entry.revision);
    let found = found.filter(|current| !current.metadata.deleted);
    match expect {
        ObjectExpect::Absent if found.is_some() => Err(StoreError::Exists { revision }),
        ObjectExpect::Version(version) if found.is_none_or(|current| current.version() != *version) => {
            Err(StoreError::Conflict { current: revision })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_digests_are_written_as_other_clients_write_them() {
        let name = ObjectName::new("a/b?>ü.txt").unwrap();
        assert_eq!(key(&name).unwrap().as_str(), "YS9iPz7DvC50eHQ=");
        assert!(key(&ObjectName::new("x".repeat(768)).unwrap()).is_ok());
        let digest = ObjectDigest::of("");
        let text = digest_text(&digest);
        assert_eq!(text, "SHA-256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=");
        let read = |text: &str| Metadata { digest: Some(text.to_owned()), ..Metadata::default() }.digest();
        assert_eq!((read(&text), read(text.trim_end_matches('='))), (Some(digest), Some(digest)));
        assert_eq!(read("MD5=AAAA"), None);
    }

    #[test]
    fn metadata_of_other_clients_is_read() {
        let text = r#"{"name":"a","description":null,"metadata":{},"headers":{"Content-Type":["text/plain"],"X-A":["1","2"]},
            "options":{"link":null,"max_chunk_size":131072},"bucket":"b","nuid":"n","size":3,"chunks":1,"mtime":"2026-01-01T00:00:00Z"}"#;
        let metadata: Metadata = serde_json::from_str(text).unwrap();
        assert!(metadata.even_chunks().is_none() && metadata.link().is_none() && !metadata.deleted);
        let entry = Entry::new(
            Key::new("YQ==").unwrap(),
            Bytes::from(text),
            underpin_store::Revision::new(7),
            std::time::SystemTime::UNIX_EPOCH,
        );
        let info = Current::read(entry).unwrap().unwrap().info().unwrap();
        assert_eq!((info.content_type.as_deref(), info.metadata["X-A"].as_str()), (Some("text/plain"), "1"));
        assert_eq!((info.size, info.version.as_str(), info.digest), (3, "7", None));
    }
}
