//! The paths that a module names, as far as they lead into its own crate.

use std::iter::Peekable;

use proc_macro2::{Spacing, TokenStream, TokenTree, token_stream};
use syn::{Item, UseTree};

use super::source::Module;

/// A `use` of a module: the name that it binds, or none for a glob, and the path.
#[derive(Debug)]
pub(super) struct Import {
    pub(super) name: Option<String>,
    pub(super) path: Vec<String>,
}

/// What the `use` items bind, those of inline modules and functions not included.
pub(super) fn imports(module: &Module) -> Vec<Import> {
    let mut found = Vec::new();
    for item in &module.items {
        if let Item::Use(item) = item {
            flatten(&item.tree, &mut Vec::new(), &mut found);
        }
    }
    found
}

fn flatten(tree: &UseTree, before: &mut Vec<String>, into: &mut Vec<Import>) {
    let import = |name: Option<String>, path: Vec<String>| Import { name, path };
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            flatten(&path.tree, before, into);
            before.pop();
        }
        UseTree::Name(name) if name.ident == "self" => {
            into.push(import(before.last().cloned(), before.clone()));
        }
        UseTree::Name(name) => into.push(import(Some(name.ident.to_string()), with(before, &name.ident))),
        UseTree::Rename(rename) => {
            let path = if rename.ident == "self" { before.clone() } else { with(before, &rename.ident) };
            into.push(import(Some(rename.rename.to_string()), path));
        }
        UseTree::Glob(_) => into.push(import(None, before.clone())),
        UseTree::Group(group) => group.items.iter().for_each(|tree| flatten(tree, before, into)),
    }
}

fn with(before: &[String], last: &impl ToString) -> Vec<String> {
    let mut path = before.to_vec();
    path.push(last.to_string());
    path
}

/// Every `a::b::c` in the tokens of items that are not `use`, in macros and attributes as well.
pub(super) fn named(module: &Module) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for item in module.items.iter().filter(|item| !matches!(item, Item::Use(_))) {
        scan(quote::ToTokens::to_token_stream(item), &mut found);
    }
    found
}

fn scan(tokens: TokenStream, found: &mut Vec<Vec<String>>) {
    let mut tokens = tokens.into_iter().peekable();
    let mut before = Before::Other;
    while let Some(token) = tokens.next() {
        before = match token {
            TokenTree::Ident(first) if before != Before::Colons => {
                let mut path = vec![first.to_string()];
                while let Some(next) = segment(&mut tokens, found) {
                    path.push(next);
                }
                let keyword = Before::keyword(&path);
                if path.len() > 1 {
                    found.push(path);
                    Before::Other
                } else if before == Before::Mod {
                    Before::ModName
                } else {
                    keyword
                }
            }
            // `pub(in super::super)` names no item.
            TokenTree::Group(_) if before == Before::Pub => Before::Other,
            TokenTree::Group(group) if before == Before::ModName => {
                let mut inside = Vec::new();
                scan(group.stream(), &mut inside);
                found.extend(inside.into_iter().filter_map(from_inline_module));
                Before::Other
            }
            TokenTree::Group(group) => {
                scan(group.stream(), found);
                Before::Other
            }
            TokenTree::Punct(punct) if punct.as_char() == ':' && punct.spacing() == Spacing::Alone => {
                Before::Colons
            }
            _ => Before::Other,
        };
    }
}

/// What stands before a token, as far as it decides what the token means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Colons,
    Mod,
    ModName,
    Pub,
    Other,
}

impl Before {
    fn keyword(path: &[String]) -> Self {
        match path {
            [only] if only == "mod" => Self::Mod,
            [only] if only == "pub" => Self::Pub,
            _ => Self::Other,
        }
    }
}

/// A path in an inline module, seen from the module of the file. None where it stays inside.
fn from_inline_module(path: Vec<String>) -> Option<Vec<String>> {
    match path.first().map(String::as_str) {
        Some("super") => {
            let outer: Vec<String> =
                std::iter::once("self".to_owned()).chain(path.into_iter().skip(1)).collect();
            // `super::super::x` leads on from the file's module.
            Some(if outer.get(1).is_some_and(|next| next == "super") {
                outer.into_iter().skip(1).collect()
            } else {
                outer
            })
        }
        Some("crate") => Some(path),
        _ => None,
    }
}

/// The identifier behind `::`, if one follows.
fn segment(tokens: &mut Peekable<token_stream::IntoIter>, found: &mut Vec<Vec<String>>) -> Option<String> {
    let is_colon = |token: Option<&TokenTree>, spacing| matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == ':' && punct.spacing() == spacing);
    if !is_colon(tokens.peek(), Spacing::Joint) {
        return None;
    }
    tokens.next();
    if !is_colon(tokens.peek(), Spacing::Alone) {
        return None;
    }
    tokens.next();
    match tokens.next() {
        Some(TokenTree::Ident(ident)) => Some(ident.to_string()),
        Some(TokenTree::Group(group)) => {
            scan(group.stream(), found);
            None
        }
        _ => None,
    }
}
