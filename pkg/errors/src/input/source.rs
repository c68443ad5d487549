use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::Violation;

/// The value of one field.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// A member of a JSON object. It has a type: the text `"5"` is no number.
    Json(&'a Value),
    /// A parameter of the query string, decoded. Everything is a text.
    Text(&'a str),
}

impl<'a> Input<'a> {
    /// The value as a text, where it is one.
    pub fn as_str(self) -> Option<&'a str> {
        match self {
            Self::Json(value) => value.as_str(),
            Self::Text(text) => Some(text),
        }
    }
}

/// Where fields come from.
pub(super) enum Source<'a> {
    /// An object of the body, and its JSON pointer.
    Object(&'a Map<String, Value>, String),
    /// The parameters by name.
    Query(HashMap<&'a str, Parameter<'a>>),
}

/// A parameter of the query.
pub(super) struct Parameter<'a> {
    value: &'a str,
    /// Its place among the names of the query.
    position: usize,
    repeated: bool,
}

impl<'a> Source<'a> {
    pub(super) fn query(pairs: &'a [(String, String)]) -> Self {
        let mut parameters = HashMap::<&str, Parameter<'_>>::with_capacity(pairs.len().min(64));
        for (name, value) in pairs {
            let next = parameters.len();
            parameters.entry(name).and_modify(|parameter| parameter.repeated = true).or_insert(Parameter {
                value,
                position: next,
                repeated: false,
            });
        }
        Self::Query(parameters)
    }

    /// The value of a field. A JSON null counts as absent.
    pub(super) fn get(&self, name: &str) -> Option<Input<'a>> {
        match self {
            Self::Object(members, _) => members.get(name).filter(|value| !value.is_null()).map(Input::Json),
            Self::Query(parameters) => parameters.get(name).map(|parameter| Input::Text(parameter.value)),
        }
    }

    /// True for a field that is there, with null as its value.
    pub(super) fn is_null(&self, name: &str) -> bool {
        matches!(self, Self::Object(members, _) if members.get(name).is_some_and(Value::is_null))
    }

    /// True for a parameter that the query gives more than once.
    pub(super) fn is_repeated(&self, name: &str) -> bool {
        matches!(self, Self::Query(parameters) if parameters.get(name).is_some_and(|parameter| parameter.repeated))
    }

    /// The names, in the order in which the caller reads them.
    pub(super) fn names(&self) -> Vec<&'a str> {
        match self {
            Self::Object(members, _) => members.keys().map(String::as_str).collect(),
            Self::Query(parameters) => {
                let mut names: Vec<_> = parameters.iter().map(|(name, it)| (it.position, *name)).collect();
                names.sort_unstable();
                names.into_iter().map(|(_, name)| name).collect()
            }
        }
    }

    /// The place of a name among those of a query; absent ones come last. None for an object.
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        match self {
            Self::Object(..) => None,
            Self::Query(parameters) => Some(parameters.get(name).map_or(usize::MAX, |it| it.position)),
        }
    }

    /// The pointer of a member (RFC 6901: `~` and `/` are escaped), or the name of a parameter.
    pub(super) fn pointer(&self, name: &str) -> String {
        match self {
            Self::Object(_, pointer) => format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1")),
            Self::Query(_) => name.to_owned(),
        }
    }

    /// The violation of a name that is not known.
    pub(super) fn unknown(&self, name: &str) -> Violation {
        match self {
            Self::Object(..) => Violation::body(self.pointer(name), "is not a known field"),
            Self::Query(_) => Violation::parameter(name, "is not a known parameter"),
        }
    }
}
