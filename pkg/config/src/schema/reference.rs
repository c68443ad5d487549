//! The reference of a settings type.

use schemars::JsonSchema;
use serde_json::Value as Json;

use super::entry::Entry;
use super::{plain, walk};
use crate::load::source::variables::Names;
use crate::{Loader, REDACTED};

/// Every key that a settings type has; made by [`Loader::reference`].
#[derive(Debug, Clone)]
pub struct Reference {
    pub(super) entries: Vec<Entry>,
    schema: Json,
}

impl Loader {
    /// The reference of a settings type, with the variables of this loader.
    pub fn reference<T: JsonSchema>(&self) -> Reference {
        Reference::new(schemars::schema_for!(T).to_value(), &self.names)
    }
}

impl Reference {
    fn new(mut schema: Json, names: &Names) -> Self {
        plain::unlink(&mut schema);
        let entries = walk::entries(&schema, names);
        without_masks(&mut schema);
        Self { entries, schema }
    }

    /// The keys, a table before what it holds.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The JSON Schema of the configuration file, for editors. The default of a secret is left out.
    pub fn json_schema(&self) -> String {
        format!("{:#}\n", self.schema)
    }
}

/// A secret serializes as its mask, which is no default.
fn without_masks(schema: &mut Json) {
    match schema {
        Json::Object(object) => {
            object.retain(|_, value| value.as_str() != Some(REDACTED));
            object.values_mut().for_each(without_masks);
        }
        Json::Array(items) => {
            items.retain(|item| item.as_str() != Some(REDACTED));
            items.iter_mut().for_each(without_masks);
        }
        _ => {}
    }
}
