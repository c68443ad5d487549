use std::future::Future;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use underpin_errors::BoxError;

use crate::{AsKey, Expect, KeyValue, Read, Revision, StoreError, Ttl};

/// A value that is stored with the version of its form, so that a later version of a service reads what an earlier one wrote.
///
/// It is stored as `{"version":2,"value":..}`.
///
/// # Examples
/// ```
/// use serde::{Deserialize, Serialize};
/// use underpin_store::{BucketSettings, Expect, KeyValueExt, MemoryKeyValue, StoredValue, StoredValueExt, Ttl};
///
/// #[derive(Serialize, Deserialize)]
/// struct Cart { lines: Vec<String> }
///
/// impl StoredValue for Cart {
///     const VERSION: u32 = 2;
///     // Version 1 had one line.
///     fn upgrade(version: u32, old: serde_json::Value) -> Result<Self, underpin_errors::BoxError> {
///         match version {
///             1 => Ok(Self { lines: vec![serde_json::from_value(old)?] }),
///             _ => Err("unknown version".into()),
///         }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), underpin_store::StoreError> {
/// let store = MemoryKeyValue::new(BucketSettings::new("carts"))?;
/// store.set("a", r#"{"version":1,"value":"tea"}"#).await?;
/// let (cart, revision) = store.read_stored::<Cart>("a").await?.unwrap();
/// assert_eq!(cart.lines, ["tea"]);
/// store.put_stored("a", &cart, Expect::Revision(revision), Ttl::Bucket).await?;
/// # Ok(()) }
/// ```
pub trait StoredValue: Serialize + DeserializeOwned + Send + Sync {
    /// The version that this code writes.
    const VERSION: u32;

    /// Reads another version. The default refuses each.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn upgrade(version: u32, _old: serde_json::Value) -> Result<Self, BoxError> {
        Err(format!("it has version {version}, and this code reads version {} only", Self::VERSION).into())
    }
}

#[derive(Serialize)]
struct Written<'a, T> {
    version: u32,
    value: &'a T,
}

#[derive(Deserialize)]
struct Tagged {
    version: u32,
    value: serde_json::Value,
}

/// Values with a version, on every [`KeyValue`].
pub trait StoredValueExt: KeyValue {
    /// The last value of a key, upgraded where it has an earlier version.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when it cannot be read, and those of [`KeyValue::get`].
    fn read_stored<T: StoredValue>(
        &self,
        key: impl AsKey,
    ) -> impl Future<Output = Result<Option<(T, Revision)>, StoreError>> + Send {
        async move {
            let Some(entry) = self.get(key.as_key()?.as_ref(), Read::Latest).await? else { return Ok(None) };
            let value = decode(&entry.value).map_err(StoreError::Corrupt)?;
            Ok(Some((value, entry.revision)))
        }
    }

    /// Writes a value with its version.
    ///
    /// # Errors
    /// [`StoreError::Encode`], and those of [`KeyValue::put`].
    fn put_stored<T: StoredValue>(
        &self,
        key: impl AsKey,
        value: &T,
        expect: Expect,
        ttl: Ttl,
    ) -> impl Future<Output = Result<Revision, StoreError>> + Send {
        async move {
            let written = serde_json::to_vec(&Written { version: T::VERSION, value });
            let written = written.map_err(|error| StoreError::Encode(error.into()))?;
            self.put(key.as_key()?.as_ref(), written.into(), expect, ttl).await
        }
    }
}

impl<K: KeyValue + ?Sized> StoredValueExt for K {}

fn decode<T: StoredValue>(bytes: &[u8]) -> Result<T, BoxError> {
    let found: Tagged = serde_json::from_slice(bytes)?;
    if found.version == T::VERSION {
        return Ok(serde_json::from_value(found.value)?);
    }
    T::upgrade(found.version, found.value)
}
