//! Signature Version 4 in the query of a URL. That of `object_store` leaves out `content-length`.

use std::collections::BTreeMap;
use std::time::Duration;

use object_store::aws::AwsCredential;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ring::hmac::{HMAC_SHA256, Key, Tag, sign};
use time::OffsetDateTime;

use crate::ObjectDigest;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A request to S3 whose body is not signed.
pub(super) struct SignedRequest<'a> {
    pub(super) method: &'a str,
    /// The path of the URL, encoded.
    pub(super) path: &'a str,
    /// All that must be sent as they are, `host` among them, by their names in lower case.
    pub(super) headers: BTreeMap<&'a str, &'a str>,
    pub(super) region: &'a str,
    pub(super) at: OffsetDateTime,
    pub(super) lasts: Duration,
}

impl SignedRequest<'_> {
    /// The query with the signature.
    pub(super) fn query(&self, credential: &AwsCredential) -> String {
        let at = self.at;
        let date = format!("{:04}{:02}{:02}", at.year(), u8::from(at.month()), at.day());
        let time = format!("{date}T{:02}{:02}{:02}Z", at.hour(), at.minute(), at.second());
        let scope = format!("{date}/{}/s3/aws4_request", self.region);
        let names = self.headers.keys().copied().collect::<Vec<_>>().join(";");

        // In the order of their names.
        let mut query = vec![
            ("X-Amz-Algorithm", ALGORITHM.to_owned()),
            ("X-Amz-Credential", format!("{}/{scope}", credential.key_id)),
            ("X-Amz-Date", time.clone()),
            ("X-Amz-Expires", self.lasts.as_secs().to_string()),
        ];
        query.extend(credential.token.clone().map(|token| ("X-Amz-Security-Token", token)));
        query.push(("X-Amz-SignedHeaders", names.clone()));
        let query =
            query.iter().map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, UNRESERVED)));
        let query = query.collect::<Vec<_>>().join("&");

        let headers = self.headers.iter().map(|(name, value)| {
            let words: Vec<_> = value.split_ascii_whitespace().collect();
            format!("{name}:{}\n", words.join(" "))
        });
        let headers: String = headers.collect();
        let request =
            format!("{}\n{}\n{query}\n{headers}\n{names}\nUNSIGNED-PAYLOAD", self.method, self.path);
        let text = format!("{ALGORITHM}\n{time}\n{scope}\n{}", ObjectDigest::of(request));

        let first = mac(format!("AWS4{}", credential.secret_key).as_bytes(), &date);
        let key = [self.region, "s3", "aws4_request"].iter().fold(first, |key, part| mac(key.as_ref(), part));
        let signature = mac(key.as_ref(), &text);
        let signature = signature.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        format!("{query}&X-Amz-Signature={signature}")
    }
}

fn mac(key: &[u8], text: &str) -> Tag {
    sign(&Key::new(HMAC_SHA256, key), text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of "Authenticating Requests: Using Query Parameters" in the S3 API reference.
    fn example(headers: &[(&'static str, &'static str)], token: Option<&str>) -> String {
        let mut headers: BTreeMap<_, _> = headers.iter().copied().collect();
        headers.insert("host", "examplebucket.s3.amazonaws.com");
        let request = SignedRequest {
            method: "GET",
            path: "/test.txt",
            headers,
            region: "us-east-1",
            at: OffsetDateTime::from_unix_timestamp(1_369_353_600).unwrap(),
            lasts: Duration::from_secs(86_400),
        };
        request.query(&AwsCredential {
            key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
            token: token.map(str::to_owned),
        })
    }

    #[test]
    fn the_example_of_aws_is_signed_as_documented() {
        let query = "X-Amz-Algorithm=AWS4-HMAC-SHA256\
            &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
            &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
            &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
        assert_eq!(example(&[], None), query);
    }

    /// The signatures are those of `rusty-s3`.
    #[test]
    fn headers_and_tokens_are_signed() {
        let headers = [
            ("content-type", " application/x-www-form-urlencoded;  charset=utf-8"),
            ("x-amz-date", "20150830T123600Z"),
        ];
        let signed = example(&headers, None);
        let end = "&X-Amz-SignedHeaders=content-type%3Bhost%3Bx-amz-date\
            &X-Amz-Signature=e965ee011ab5dbe8aa2c04a1ff2db8503c0cc117f62ea9274415c0f593ea199f";
        assert!(signed.ends_with(end), "{signed}");
        let signed = example(&[], Some("oej5cie4uctureturdtuc5dctd"));
        let end = "&X-Amz-Security-Token=oej5cie4uctureturdtuc5dctd&X-Amz-SignedHeaders=host\
            &X-Amz-Signature=bf77b83a7135594046c90a7e7e10cf1a4c8f8ecc1d541d0f42bea6b7670870c7";
        assert!(signed.ends_with(end), "{signed}");
    }
}
