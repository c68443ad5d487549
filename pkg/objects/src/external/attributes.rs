//! What is noted with an object, as headers: percent-encoded, since headers are ASCII.

use object_store::{Attribute, Attributes, GetResult, ObjectMeta};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::{ObjectDigest, ObjectInfo, ObjectName, ObjectVersion, PutObject};

const DIGEST: &str = "underpin-sha256";
const DESCRIPTION: &str = "underpin-description";
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

fn encode(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

pub(super) fn of(options: &PutObject, digest: Option<&ObjectDigest>) -> Attributes {
    let mut attributes = Attributes::new();
    if let Some(content_type) = &options.content_type {
        attributes.insert(Attribute::ContentType, content_type.clone().into());
    }
    let mut note = |key: String, value: String| {
        attributes.insert(Attribute::Metadata(key.into()), value.into());
    };
    if let Some(digest) = digest {
        note(DIGEST.to_owned(), digest.to_string());
    }
    if let Some(description) = &options.description {
        note(DESCRIPTION.to_owned(), encode(description));
    }
    for (key, value) in &options.metadata {
        note(encode(key), encode(value));
    }
    attributes
}

/// What a list tells of an object: no attributes.
pub(super) fn basic_info(name: ObjectName, meta: &ObjectMeta) -> ObjectInfo {
    let version = ObjectVersion::new(meta.e_tag.clone().unwrap_or_default());
    ObjectInfo::new(name, meta.size, version, meta.last_modified.into())
}

pub(super) fn info(name: &ObjectName, found: &GetResult) -> ObjectInfo {
    let mut info = basic_info(name.clone(), &found.meta);
    read(&found.attributes, &mut info);
    info
}

fn read(attributes: &Attributes, info: &mut ObjectInfo) {
    for (attribute, value) in attributes {
        match attribute {
            Attribute::ContentType => info.content_type = Some(value.to_string()),
            Attribute::Metadata(key) if key.as_ref() == DIGEST => info.digest = parse(value),
            Attribute::Metadata(key) if key.as_ref() == DESCRIPTION => info.description = Some(decode(value)),
            Attribute::Metadata(key) => {
                info.metadata.insert(decode(key), decode(value));
            }
            _ => {}
        }
    }
}

fn parse(hex: &str) -> Option<ObjectDigest> {
    let digits = hex.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(pair, 16).ok()
    });
    let bytes: Option<Vec<u8>> = digits.collect();
    Some(ObjectDigest::new(bytes?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_comes_back() {
        let digest = ObjectDigest::of("x");
        let options =
            PutObject::default().description("Grüße").metadata("a b", "ü").content_type("text/plain");
        let attributes = of(&options, Some(&digest));
        let name = ObjectName::new("a").unwrap();
        let mut info = ObjectInfo::new(name, 0, ObjectVersion::new("1"), std::time::SystemTime::UNIX_EPOCH);
        read(&attributes, &mut info);
        assert_eq!((info.digest, info.description.as_deref()), (Some(digest), Some("Grüße")));
        assert_eq!((info.metadata["a b"].as_str(), info.content_type.as_deref()), ("ü", Some("text/plain")));
    }
}
