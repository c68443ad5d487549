use serde::{Deserialize, Serialize};
use underpin_errors::Error;
use utoipa::ToSchema;

const DEAREST: i64 = 1_000_000_000_000;

/// What a caller may set of a product: all of it, at each write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// 1 to 200 characters.
    pub name: String,
    /// At most 2000 characters.
    #[serde(default)]
    pub description: String,
    /// From 0 to ten billion of the main unit.
    pub price_cents: i64,
    /// The version that the caller has seen: an update of another one is refused. Without it the last writer wins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
}

impl Change {
    /// A change of whatever version there is.
    pub fn new(name: impl Into<String>, price_cents: i64) -> Self {
        Self { name: name.into(), description: String::new(), price_cents, version: None }
    }

    /// Sets the version that it changes.
    #[must_use]
    pub fn of_version(self, version: i64) -> Self {
        Self { version: Some(version), ..self }
    }

    /// # Errors
    /// 400 `INVALID_PRODUCT`, with every field that is wrong.
    pub(crate) fn check(&self) -> Result<(), Error> {
        // PostgreSQL stores no NUL.
        let is_text = |text: &str| !text.contains('\0');
        let rules = [
            (
                "name",
                is_text(&self.name) && (1..=200).contains(&self.name.chars().count()),
                "1 to 200 characters",
            ),
            (
                "description",
                is_text(&self.description) && self.description.chars().count() <= 2000,
                "at most 2000 characters",
            ),
            ("price_cents", (0..=DEAREST).contains(&self.price_cents), "from 0 to 1000000000000"),
        ];
        let error = Error::bad_request("the product is not valid").code("INVALID_PRODUCT");
        let broken = rules.into_iter().filter(|(_, holds, _)| !holds);
        let error = broken.fold(error, |error, (field, _, rule)| error.violation(field, rule));
        if error.violations().is_empty() { Ok(()) } else { Err(error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wrong_field_is_named() {
        assert!(Change::new("tea", 0).check().is_ok());
        let wrong = Change { description: "x".repeat(2001), ..Change::new("t\0", -1) }.check().unwrap_err();
        let fields: Vec<_> =
            wrong.violations().iter().map(|violation| violation.field().into_owned()).collect();
        assert_eq!(fields, ["name", "description", "price_cents"]);
        assert!(Change::new("", 1).check().is_err() && Change::new("x".repeat(201), 1).check().is_err());
    }
}
