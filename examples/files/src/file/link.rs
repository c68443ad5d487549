//! Signed links: a permission to upload one file, for those who have no other permission.
//!
//! They are made like those of S3: the client gets a URL and headers, and the signature covers both. Another length, digest or media type is
//! another signature.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac::{HMAC_SHA256, Key, sign, verify};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::Deserialize;
use underpin_errors::Error;
use underpin_objects::ObjectDigest;
use uuid::Uuid;

/// The headers that are signed.
const SIGNED: [&str; 3] = ["content-digest", "content-length", "content-type"];

/// Signs and checks links.
pub(crate) struct Links(Key);

/// The query of a signed link.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UploadLink {
    /// Seconds since 1970.
    expires: i64,
    signature: String,
}

impl Links {
    pub(crate) fn new(secret: impl AsRef<str>) -> Self {
        Self(Key::new(HMAC_SHA256, secret.as_ref().as_bytes()))
    }

    /// A secret that nobody knows.
    ///
    /// # Errors
    /// The machine has no random numbers.
    pub(super) fn fresh_secret() -> Result<String, Error> {
        let mut secret = [0; 32];
        let filled = SystemRandom::new().fill(&mut secret);
        filled.map_err(|_| Error::internal("the machine has no random numbers"))?;
        Ok(STANDARD.encode(secret))
    }

    /// The path and the query of a link.
    pub(super) fn sign(&self, id: Uuid, headers: &BTreeMap<String, String>, expires: i64) -> String {
        let text = text(id, |name| headers.get(name).map(String::as_str), expires);
        let signature = URL_SAFE_NO_PAD.encode(sign(&self.0, text.as_bytes()));
        format!("/api/v1/uploads/{id}?expires={expires}&signature={signature}")
    }

    /// Checks a link that was used now, with the headers of the request.
    ///
    /// # Errors
    /// 403 `INVALID_SIGNATURE`, `LINK_EXPIRED`.
    pub(super) fn check<'h>(
        &self,
        id: Uuid,
        link: &UploadLink,
        header: impl Fn(&str) -> Option<&'h str>,
        now: i64,
    ) -> Result<(), Error> {
        let signature = URL_SAFE_NO_PAD.decode(&link.signature).unwrap_or_default();
        let text = text(id, header, link.expires);
        if verify(&self.0, text.as_bytes(), &signature).is_err() {
            let text = "the signature is not that of this link and its headers";
            return Err(Error::forbidden(text).code("INVALID_SIGNATURE"));
        }
        if now > link.expires {
            return Err(Error::forbidden("the link has expired").code("LINK_EXPIRED"));
        }
        Ok(())
    }
}

/// What is signed: a line for each part. None of them has a line break.
fn text<'h>(id: Uuid, header: impl Fn(&str) -> Option<&'h str>, expires: i64) -> String {
    let headers = SIGNED.map(|name| format!("{name}: {}\n", header(name).unwrap_or_default())).concat();
    format!("PUT\n{id}\n{expires}\n{headers}")
}

/// The header `Content-Digest` of RFC 9530.
pub(super) fn digest_header(digest: &ObjectDigest) -> String {
    format!("sha-256=:{}:", STANDARD.encode(digest.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_good_for_its_headers_and_its_time() {
        let (links, id) = (Links::new("secret"), Uuid::now_v7());
        let digest = digest_header(&ObjectDigest::of("hello"));
        let headers = [("content-digest", digest.as_str()), ("content-length", "5"), ("content-type", "a/b")];
        let headers: BTreeMap<_, _> =
            headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let url = links.sign(id, &headers, 1000);
        let signature = url.rsplit_once('=').unwrap().1.to_owned();
        let code = |links: &Links, id, expires, (name, value): (&str, &str), now| {
            let link = UploadLink { expires, signature: signature.clone() };
            let header = |asked: &str| {
                if asked == name { Some(value) } else { headers.get(asked).map(String::as_str) }
            };
            links.check(id, &link, header, now).err().map(|error| error.error_code().to_owned())
        };
        let same = ("content-length", "5");
        assert_eq!(code(&links, id, 1000, same, 1000), None);
        assert_eq!(code(&links, id, 1000, same, 1001).as_deref(), Some("LINK_EXPIRED"));
        let invalid = Some("INVALID_SIGNATURE");
        assert_eq!(code(&links, id, 2000, same, 1000).as_deref(), invalid);
        assert_eq!(code(&links, Uuid::now_v7(), 1000, same, 1000).as_deref(), invalid);
        assert_eq!(code(&Links::new("other"), id, 1000, same, 1000).as_deref(), invalid);
        for other in [("content-length", "6"), ("content-digest", ""), ("content-type", "text/html")] {
            assert_eq!(code(&links, id, 1000, other, 1000).as_deref(), invalid, "{other:?}");
        }
    }
}
