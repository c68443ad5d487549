//! From a JSON Schema to a list of keys.

use serde_json::{Map, Value as Json};

use super::entry::Entry;
use super::leaf::{BYTE_SIZE, DURATION};
use crate::REDACTED;
use crate::load::key;
use crate::load::source::variables::Names;

/// The keys of a schema made by schemars.
pub(super) fn entries(schema: &Json, names: &Names) -> Vec<Entry> {
    let mut walk = Walk { root: schema, names, entries: Vec::new(), above: Vec::new() };
    walk.children(schema, &[], None, false);
    walk.entries
}

struct Walk<'w> {
    root: &'w Json,
    names: &'w Names,
    entries: Vec<Entry>,
    /// The definitions around the current one: a recursive type is described once.
    above: Vec<String>,
}

/// A schema after following references and unpacking `Option`.
struct Resolved<'w> {
    schema: &'w Json,
    definition: Option<String>,
    optional: bool,
    secret: bool,
    docs: Option<&'w str>,
}

impl Resolved<'_> {
    /// The schema says nothing about the shape.
    fn is_anything(&self) -> bool {
        let says = ["type", "properties", "additionalProperties", "oneOf", "anyOf", "enum", "const", "items"];
        says.iter().all(|word| self.schema.get(word).is_none())
    }
}

/// The schema of a value without a schema.
static ANYTHING: Json = Json::Null;

impl<'w> Walk<'w> {
    fn children(&mut self, schema: &'w Json, path: &[String], default: Option<&Json>, optional: bool) {
        let required: Vec<&str> = strings(schema.get("required"));
        for (name, property) in members(schema.get("properties")) {
            let mut path = path.to_vec();
            path.push(name.clone());
            let default =
                default.and_then(|default| default.get(name)).or_else(|| property.get("default")).cloned();
            let required = required.contains(&name.as_str()) && default.is_none() && !optional;
            self.property(property, path, default, required, optional);
        }
        if let Some(items) = schema.get("additionalProperties").filter(|items| items.is_object()) {
            let mut path = path.to_vec();
            path.push("<name>".to_owned());
            self.property(items, path, None, false, true);
        }
    }

    fn property(
        &mut self,
        property: &'w Json,
        path: Vec<String>,
        default: Option<Json>,
        required: bool,
        optional: bool,
    ) {
        let resolved = self.resolve(property);
        let has_children = resolved.schema.get("properties").is_some()
            || resolved.schema.get("additionalProperties").is_some_and(Json::is_object);
        let variants = variants(resolved.schema);
        let items = resolved.schema.get("items").map(|items| self.resolve(items));
        let tables = items.as_ref().filter(|items| items.schema.get("properties").is_some());
        let is_table = has_children || tables.is_some();
        let secret = resolved.secret
            || items.as_ref().is_some_and(|items| items.secret)
            || default.as_ref().is_some_and(|default| default == REDACTED);
        let default = default.filter(|default| !default.is_null() && !secret);
        if let (true, Some(Json::Object(members))) = (resolved.is_anything(), &default) {
            return self.undescribed(&path, resolved.docs.unwrap_or_default(), members);
        }
        self.entries.push(Entry {
            key: key::join(&path),
            variables: if is_table { Vec::new() } else { self.variables(&path) },
            kind: match (resolved.is_anything(), secret) {
                (true, true) => "text, secret".to_owned(),
                (true, false) => shape_of(default.as_ref()).to_owned(),
                (false, _) => self.kind(&resolved),
            },
            required: required && !resolved.optional,
            secret,
            is_table,
            is_optional_table: is_table && (optional || resolved.optional || tables.is_some()),
            docs: resolved.docs.unwrap_or_default().to_owned(),
            default: default.clone().filter(|_| !has_children),
            path: path.clone(),
        });
        let definition = resolved.definition.clone();
        if definition.as_ref().is_some_and(|definition| self.above.contains(definition)) {
            return;
        }
        self.above.extend(definition.clone());
        if has_children {
            self.children(resolved.schema, &path, default.as_ref(), optional || resolved.optional);
        }
        for variant in variants.into_iter().filter(|variant| variant.get("properties").is_some()) {
            self.children(variant, &path, None, true);
        }
        if let Some(tables) = tables {
            let mut path = path;
            path.push("<n>".to_owned());
            self.children(tables.schema, &path, None, true);
        }
        if definition.is_some() {
            self.above.pop();
        }
    }

    /// A block whose type has no schema: its default says which keys there are.
    fn undescribed(&mut self, path: &[String], docs: &str, members: &Map<String, Json>) {
        self.entries.push(Entry {
            key: key::join(path),
            variables: Vec::new(),
            kind: "table".to_owned(),
            default: None,
            required: false,
            secret: false,
            is_table: true,
            is_optional_table: false,
            docs: docs.to_owned(),
            path: path.to_vec(),
        });
        for (name, default) in members {
            let mut path = path.to_vec();
            path.push(name.clone());
            self.property(&ANYTHING, path, Some(default.clone()), false, false);
        }
    }

    fn resolve(&self, mut schema: &'w Json) -> Resolved<'w> {
        let mut resolved = Resolved { schema, definition: None, optional: false, secret: false, docs: None };
        loop {
            resolved.docs = resolved.docs.or_else(|| schema.get("description")?.as_str());
            resolved.secret |= schema.get("writeOnly").and_then(Json::as_bool).unwrap_or_default();
            resolved.optional |= strings(schema.get("type")).contains(&"null");
            let reference = schema.get("$ref").and_then(Json::as_str).and_then(|path| path.strip_prefix('#'));
            let alternatives = list(schema.get("anyOf"));
            let only =
                alternatives.iter().filter(|one| one.get("type").and_then(Json::as_str) != Some("null"));
            let only: Vec<&'w Json> = only.collect();
            if let Some(path) = reference {
                let Some(target) = self.root.pointer(path) else { break };
                resolved.definition = Some(path.to_owned());
                schema = target;
            } else if let ([one], true) = (only.as_slice(), alternatives.len() == 2) {
                resolved.optional = true;
                schema = one;
            } else {
                break;
            }
        }
        resolved.schema = schema;
        resolved
    }

    fn kind(&self, resolved: &Resolved<'w>) -> String {
        let mut kind = self.kind_of(resolved.schema);
        if resolved.secret {
            kind.push_str(", secret");
        }
        kind
    }

    fn kind_of(&self, schema: &'w Json) -> String {
        let names: Vec<String> = variants(schema).into_iter().flat_map(variant_names).collect();
        if !names.is_empty() {
            return format!("one of {}", names.join(", "));
        }
        match schema.get("format").and_then(Json::as_str) {
            Some(DURATION) => return "duration".to_owned(),
            Some(BYTE_SIZE) => return "byte size".to_owned(),
            _ => {}
        }
        let types = strings(schema.get("type"));
        match types.iter().find(|name| **name != "null") {
            Some(&"integer") => match (schema.get("minimum"), schema.get("maximum")) {
                (Some(low), Some(high)) => format!("integer, {low} to {high}"),
                (Some(low), None) => format!("integer, {low} or more"),
                _ => "integer".to_owned(),
            },
            Some(&"array") => match schema.get("items") {
                Some(items) => format!("list of {}", self.kind(&self.resolve(items))),
                None => "list".to_owned(),
            },
            Some(&"object") => "table".to_owned(),
            Some(&"string") => "text".to_owned(),
            Some(other) => (*other).to_owned(),
            None => "any".to_owned(),
        }
    }

    fn variables(&self, path: &[String]) -> Vec<String> {
        let usable: Vec<String> = path.iter().map(|segment| segment.replace(['<', '>'], "")).collect();
        let mut variables = self.names.of(&usable);
        if usable != path
            && let Some(first) = variables.first_mut()
        {
            *first = first.replace("__N__", "__<N>__").replace("__NAME", "__<NAME>");
        }
        variables
    }
}

/// The alternatives of an enum.
fn variants(schema: &Json) -> Vec<&Json> {
    if schema.get("enum").is_some() || schema.get("const").is_some() {
        return vec![schema];
    }
    list(schema.get("oneOf")).iter().collect()
}

fn variant_names(variant: &Json) -> Vec<String> {
    let constants = list(variant.get("enum")).iter().chain(variant.get("const"));
    let tables = members(variant.get("properties")).map(|(name, _)| name.clone());
    constants
        .filter_map(Json::as_str)
        .map(str::to_owned)
        .chain(tables)
        .map(|name| format!("`{name}`"))
        .collect()
}

/// What a default says about a key without a schema.
const fn shape_of(default: Option<&Json>) -> &'static str {
    match default {
        Some(Json::Bool(_)) => "boolean",
        Some(Json::Number(_)) => "number",
        Some(Json::String(_)) => "text",
        Some(Json::Array(_)) => "list",
        Some(Json::Object(_)) => "table",
        Some(Json::Null) | None => "any",
    }
}

fn list(json: Option<&Json>) -> &[Json] {
    json.and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn members(json: Option<&Json>) -> impl Iterator<Item = (&String, &Json)> {
    json.and_then(Json::as_object).into_iter().flat_map(Map::iter)
}

/// One string or a list of them.
fn strings(json: Option<&Json>) -> Vec<&str> {
    match json {
        Some(Json::String(one)) => vec![one],
        Some(Json::Array(items)) => items.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    }
}
