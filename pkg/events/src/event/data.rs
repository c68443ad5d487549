use bytes::Bytes;
use serde_json::value::RawValue;

/// The payload of an event, in the form the sender gave it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Data {
    /// A JSON value, kept as the text it arrived in: numbers lose no digits and are not parsed until asked for.
    Json(Box<RawValue>),
    /// Text of a media type that is not JSON, for example XML.
    Text(String),
    /// Bytes; `data_base64` in the JSON format.
    Binary(Bytes),
}

impl Data {
    /// The payload as bytes: the JSON text, the text, or the bytes themselves.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Json(raw) => raw.get().as_bytes(),
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// The size in bytes.
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl PartialEq for Data {
    fn eq(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other) && self.as_bytes() == other.as_bytes()
    }
}
