use underpin_errors::Error;

/// What a caller says of a file before its data. The name is shown to people and is never a path.
#[derive(Debug, Clone)]
pub(crate) struct NewFile {
    pub(crate) name: String,
    pub(crate) content_type: String,
}

impl NewFile {
    /// Takes a name and a media type; `application/octet-stream` where there is none.
    ///
    /// # Errors
    /// 400 `INVALID_NAME`, `INVALID_CONTENT_TYPE`.
    pub(crate) fn new(name: String, content_type: Option<&str>) -> Result<Self, Error> {
        if !is_name(&name) {
            let text = "the name is not 1 to 255 bytes without slashes and control characters";
            return Err(Error::bad_request(text).code("INVALID_NAME"));
        }
        let content_type = content_type.unwrap_or("application/octet-stream");
        if !is_media_type(content_type) {
            return Err(Error::bad_request("the content type is no media type").code("INVALID_CONTENT_TYPE"));
        }
        Ok(Self { name, content_type: content_type.to_owned() })
    }
}

fn is_name(name: &str) -> bool {
    (1..=255).contains(&name.len())
        && !matches!(name, "." | "..")
        && !name.chars().any(|c| c.is_control() || matches!(c, '/' | '\\'))
}

/// Roughly: it becomes a header, and no browser acts on it.
fn is_media_type(text: &str) -> bool {
    text.len() <= 255
        && text.chars().all(|c| c.is_ascii_graphic() || c == ' ')
        && text.split_once('/').is_some_and(|(main, sub)| !main.is_empty() && !sub.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_part_of_a_path() {
        for name in ["a.txt", "Übersicht Q4.pdf", "..a", "a b", "%2e%2e", "con"] {
            assert!(NewFile::new(name.to_owned(), None).is_ok(), "{name:?}");
        }
        for name in ["", ".", "..", "../etc/passwd", "a/b", "a\\b", "a\nb", "a\0b", &"a".repeat(256)] {
            assert!(NewFile::new(name.to_owned(), None).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_media_type_is_a_header() {
        let is_valid = |text| NewFile::new("a".to_owned(), Some(text)).is_ok();
        assert!(["text/plain", "text/plain; charset=utf-8", "image/svg+xml"].into_iter().all(is_valid));
        assert!(
            !["", "text", "/", "text/", "text/plain\r\nset-cookie: a=b", "ü/x"].into_iter().any(is_valid)
        );
    }
}
