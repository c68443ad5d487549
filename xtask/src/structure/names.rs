//! A type name is defined once in a crate: a reader who searches for it finds one answer.

use std::collections::BTreeMap;

use syn::Item;

use super::source::Crate;

/// Names with more than one definition, by crate, each with the reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[];

/// A line for each name that is defined more than once.
pub(super) fn check(one: &Crate) -> Vec<String> {
    let mut places = BTreeMap::<String, Vec<String>>::new();
    for module in &one.modules {
        for name in defined(&module.items) {
            places.entry(name).or_default().push(module.name());
        }
    }
    places
        .into_iter()
        .filter(|(name, places)| places.len() > 1 && !is_excepted(&one.name, name))
        .map(|(name, places)| format!("{}: {name} is defined in {}", one.name, places.join(" and ")))
        .collect()
}

/// A line for each exception that excepts nothing.
pub(super) fn unused(crates: &[Crate]) -> Vec<String> {
    let count = |package: &str, name: &str| {
        let modules = crates.iter().filter(|one| one.name == package).flat_map(|one| &one.modules);
        modules.flat_map(|module| defined(&module.items)).filter(|other| other == name).count()
    };
    EXCEPTIONS
        .iter()
        .filter(|(package, name, _)| count(package, name) < 2)
        .map(|(package, name, _)| format!("{package}: the exception for {name} is not needed (names.rs)"))
        .collect()
}

/// The names of structs, enums, unions, traits and aliases, those of inline modules as well.
pub(super) fn defined(items: &[Item]) -> Vec<String> {
    items
        .iter()
        .flat_map(|item| match item {
            Item::Struct(item) => vec![item.ident.to_string()],
            Item::Enum(item) => vec![item.ident.to_string()],
            Item::Union(item) => vec![item.ident.to_string()],
            Item::Trait(item) => vec![item.ident.to_string()],
            Item::Type(item) => vec![item.ident.to_string()],
            Item::Mod(item) => item.content.as_ref().map(|(_, items)| defined(items)).unwrap_or_default(),
            _ => Vec::new(),
        })
        .collect()
}

fn is_excepted(package: &str, name: &str) -> bool {
    EXCEPTIONS.iter().any(|(of, what, _)| (*of, *what) == (package, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_definition_is_reported_with_both_places() {
        let one = Crate::of(&[
            ("", "mod a; mod b; pub trait T {}"),
            ("a", "struct S; #[cfg(test)] mod tests { struct T; }"),
            ("b", "mod inner { pub enum S {} }"),
        ]);
        assert_eq!(check(&one), ["test: S is defined in a and b"]);
    }
}
