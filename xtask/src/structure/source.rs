//! A crate as a tree of modules, parsed.

use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::{Attribute, Item, ItemMod};

use crate::shell::Done;

/// The modules of a crate that belong to its library, the root first.
pub(crate) struct Crate {
    pub(crate) name: String,
    pub(crate) modules: Vec<Module>,
}

/// One file, with the inline modules in it.
pub(crate) struct Module {
    /// The names from the root, `pool::lease`. The root has none.
    pub(crate) path: Vec<String>,
    pub(crate) file: PathBuf,
    /// What it holds, without tests.
    pub(crate) items: Vec<Item>,
    /// The modules that it declares.
    pub(crate) children: Vec<String>,
    /// In `testing` or `conformance`, or behind the feature `testing`: not counted as code of the library.
    pub(crate) is_for_tests: bool,
}

impl Crate {
    /// Reads the crate in this folder.
    pub(crate) fn read(folder: &Path) -> Done<Self> {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut modules = Vec::new();
        read_module(&folder.join("src/lib.rs"), &[], false, &mut modules)?;
        Ok(Self { name, modules })
    }

    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let module = |(path, text): &(&str, &str)| {
            let path: Vec<String> =
                path.split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect();
            let (items, declared) = split(syn::parse_file(text).unwrap().items);
            let children = declared.into_iter().map(|child| child.ident.to_string()).collect();
            Module { path, file: PathBuf::from("test.rs"), items, children, is_for_tests: false }
        };
        Self { name: "test".to_owned(), modules: files.iter().map(module).collect() }
    }
}

impl Module {
    /// `pool::lease`, or `crate` for the root.
    pub(crate) fn name(&self) -> String {
        if self.path.is_empty() { "crate".to_owned() } else { self.path.join("::") }
    }

    /// The tokens of all items.
    pub(crate) fn tokens(&self) -> TokenStream {
        self.items.iter().map(Item::to_token_stream).collect()
    }
}

fn read_module(file: &Path, path: &[String], is_for_tests: bool, into: &mut Vec<Module>) -> Done {
    let text =
        fs::read_to_string(file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    let parsed =
        syn::parse_file(&text).map_err(|error| format!("cannot parse {}: {error}", file.display()))?;
    let (items, declared) = split(parsed.items);
    let children = declared.iter().map(|child| child.ident.to_string()).collect();
    into.push(Module { path: path.to_owned(), file: file.to_owned(), items, children, is_for_tests });
    for child in declared {
        let name = child.ident.to_string();
        let for_tests = is_for_tests
            || matches!(name.as_str(), "testing" | "conformance")
            || child.attrs.iter().any(|attribute| is_cfg(attribute, |text| text.contains("\"testing\"")));
        let mut below = path.to_owned();
        below.push(name.clone());
        read_module(&child_file(file, &name)?, &below, for_tests, into)?;
    }
    Ok(())
}

/// The items that are compiled without `test`, and the modules among them that are files.
fn split(items: Vec<Item>) -> (Vec<Item>, Vec<ItemMod>) {
    let mut kept = Vec::new();
    let mut declared = Vec::new();
    for item in items {
        match item {
            item if is_test_only(attributes(&item)) => {}
            Item::Mod(module) if module.content.is_none() => declared.push(module),
            item => kept.push(item),
        }
    }
    (kept, declared)
}

fn child_file(parent: &Path, name: &str) -> Done<PathBuf> {
    let folder = parent.parent().unwrap_or(Path::new("."));
    let stem = parent.file_stem().unwrap_or_default();
    let is_root = ["lib", "main", "mod"].iter().any(|root| stem == *root);
    let folder = if is_root { folder.to_owned() } else { folder.join(stem) };
    let places = [folder.join(format!("{name}.rs")), folder.join(name).join("mod.rs")];
    let found = places.iter().find(|place| place.is_file());
    found.cloned().ok_or_else(|| format!("{}: mod {name} has no file", parent.display()))
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// `#[cfg(test)]` and `#[cfg(doctest)]`, alone or inside of `all`; not `any(test, ..)`, which a library can have.
fn is_test_only(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        is_cfg(attribute, |text| !text.contains("any") && !text.contains("not"))
            && has_word(attribute.meta.to_token_stream(), &["test", "doctest"])
    })
}

fn is_cfg(attribute: &Attribute, holds: impl Fn(&str) -> bool) -> bool {
    attribute.path().is_ident("cfg") && holds(&attribute.meta.to_token_stream().to_string())
}

fn has_word(tokens: TokenStream, words: &[&str]) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => words.iter().any(|word| ident == word),
        TokenTree::Group(group) => has_word(group.stream(), words),
        _ => false,
    })
}
