//! The modules of a crate depend on each other in one direction, so that a reader can begin at one end.
//!
//! A module depends on another when it names something that is defined there, by `use`, by a path, or by a re-export. A re-export on the way
//! is followed to the definition. A `mod` declaration is no dependency; a parent that re-exports its child is.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::names;
use super::paths::{self, Import};
use super::source::{Crate, Module};
use syn::Item;

/// Sets of modules that may depend on each other in a circle, by crate, each with the reason.
const EXCEPTIONS: &[(&str, &[&str], &str)] = &[];

/// A line for each set of modules that depend on each other in a circle.
pub(super) fn check(one: &Crate) -> Vec<String> {
    let graph = Graph::of(one);
    graph
        .circles()
        .into_iter()
        .filter(|circle| !is_excepted(&one.name, circle))
        .map(|circle| format!("{}: a circle of {}", one.name, graph.describe(&circle)))
        .collect()
}

fn is_excepted(package: &str, circle: &BTreeSet<String>) -> bool {
    EXCEPTIONS.iter().any(|(of, modules, _)| {
        *of == package && circle.iter().all(|module| modules.contains(&module.as_str()))
    })
}

/// Which module depends on which.
struct Graph {
    edges: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    fn of(one: &Crate) -> Self {
        let scopes: BTreeMap<&[String], Scope<'_>> =
            one.modules.iter().map(|module| (module.path.as_slice(), Scope::of(module))).collect();
        let mut edges = BTreeMap::<String, BTreeSet<String>>::new();
        for scope in scopes.values() {
            let from = scope.module.name();
            let imported = scope.imports.iter().map(|import| import.path.clone());
            let to = edges.entry(from.clone()).or_default();
            for path in imported.chain(paths::named(scope.module)) {
                let start = &scope.module.path;
                if let Some(module) = resolve(&scopes, start, &path, &mut HashSet::new()) {
                    to.extend(scopes.get(module.as_slice()).map(|scope| scope.module.name()));
                }
            }
            to.remove(&from);
        }
        Self { edges }
    }

    /// The strongly connected components with more than one module.
    fn circles(&self) -> BTreeSet<BTreeSet<String>> {
        let reach: BTreeMap<&String, BTreeSet<&String>> =
            self.edges.keys().map(|module| (module, self.reachable(module))).collect();
        let mut circles = BTreeSet::new();
        for (module, reached) in &reach {
            let is_back = |other: &&&String| reach.get(**other).is_some_and(|back| back.contains(*module));
            let circle: BTreeSet<String> =
                reached.iter().filter(is_back).map(|other| (*other).clone()).collect();
            if circle.len() > 1 {
                circles.insert(circle);
            }
        }
        circles
    }

    fn reachable(&self, from: &String) -> BTreeSet<&String> {
        let mut seen = BTreeSet::new();
        let mut next: Vec<&String> = self.dependencies(from).collect();
        while let Some(module) = next.pop() {
            if seen.insert(module) {
                next.extend(self.dependencies(module));
            }
        }
        seen
    }

    fn dependencies(&self, of: &String) -> impl Iterator<Item = &String> {
        self.edges.get(of).into_iter().flatten()
    }

    /// The modules of a circle, each with those of the circle that it depends on.
    fn describe(&self, circle: &BTreeSet<String>) -> String {
        let line = |module: &String| {
            let to: Vec<&str> = self
                .dependencies(module)
                .filter(|other| circle.contains(*other))
                .map(String::as_str)
                .collect();
            format!("{module} -> {}", to.join(", "))
        };
        let lines: Vec<String> = circle.iter().map(line).collect();
        format!("{} modules:\n      {}", circle.len(), lines.join("\n      "))
    }
}

/// The names that a module defines and imports.
struct Scope<'a> {
    module: &'a Module,
    defined: HashSet<String>,
    imports: Vec<Import>,
}

impl<'a> Scope<'a> {
    fn of(module: &'a Module) -> Self {
        let mut defined: HashSet<String> = names::defined(&module.items).into_iter().collect();
        defined.extend(module.items.iter().filter_map(|item| match item {
            Item::Fn(item) => Some(item.sig.ident.to_string()),
            Item::Const(item) => Some(item.ident.to_string()),
            Item::Static(item) => Some(item.ident.to_string()),
            Item::Macro(item) => item.ident.as_ref().map(ToString::to_string),
            Item::Mod(item) => Some(item.ident.to_string()),
            _ => None,
        }));
        Self { module, defined, imports: paths::imports(module) }
    }
}

/// The module that defines what a path names, seen from the module at `start`. None where it leads out of the crate.
fn resolve(
    scopes: &BTreeMap<&[String], Scope<'_>>,
    start: &[String],
    path: &[String],
    asked: &mut HashSet<(Vec<String>, String)>,
) -> Option<Vec<String>> {
    let mut at = start.to_vec();
    let mut rest = path.iter();
    let mut is_rooted = false;
    loop {
        let Some(name) = rest.next() else { return is_rooted.then_some(at) };
        match name.as_str() {
            "crate" => at.clear(),
            "super" => drop(at.pop()),
            "self" => {}
            name => match step(scopes, &at, name, is_rooted, asked)? {
                Step::Into(module) => at = module,
                Step::Item(module) => return Some(module),
            },
        }
        is_rooted = true;
    }
}

enum Step {
    Into(Vec<String>),
    Item(Vec<String>),
}

/// What a name means in a module.
fn step(
    scopes: &BTreeMap<&[String], Scope<'_>>,
    at: &[String],
    name: &str,
    is_rooted: bool,
    asked: &mut HashSet<(Vec<String>, String)>,
) -> Option<Step> {
    let scope = scopes.get(at)?;
    if scope.module.children.iter().any(|child| child == name) {
        let mut module = at.to_vec();
        module.push(name.to_owned());
        return Some(Step::Into(module));
    }
    if scope.defined.contains(name) {
        // The first name of a path: a type of this module, or one that is imported under the same name, is no dependency.
        return is_rooted.then(|| Step::Item(at.to_vec()));
    }
    if !asked.insert((at.to_vec(), name.to_owned())) {
        return None;
    }
    let named = scope.imports.iter().find(|import| import.name.as_deref() == Some(name));
    let globs = scope.imports.iter().filter(|import| import.name.is_none());
    let target = named.map(|import| import.path.clone());
    let through = globs.map(|import| {
        let mut path = import.path.clone();
        path.push(name.to_owned());
        path
    });
    target.into_iter().chain(through).find_map(|path| {
        let module = resolve(scopes, at, &path, asked)?;
        let is_module = path.last().is_some_and(|last| module.last() == Some(last));
        Some(if is_module { Step::Into(module) } else { Step::Item(module) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_through_a_re_export_is_found() {
        let one = Crate::of(&[
            ("", "mod a; mod b; pub use a::A;"),
            ("a", "use crate::b::B; pub struct A(B);"),
            ("b", "pub struct B; fn f(_: &crate::A) {}"),
        ]);
        assert_eq!(check(&one), ["test: a circle of 2 modules:\n      a -> b\n      b -> a"]);
    }

    #[test]
    fn a_parent_that_defines_what_its_child_uses_and_re_exports_the_child_is_a_circle() {
        let one = Crate::of(&[
            ("", "mod pool;"),
            ("pool", "mod lease; pub use lease::Lease; pub struct State;"),
            ("pool::lease", "use super::State; pub struct Lease(State);"),
        ]);
        assert_eq!(check(&one).len(), 1);
    }

    #[test]
    fn super_in_an_inline_module_is_the_file_and_a_visibility_names_nothing() {
        let one = Crate::of(&[
            ("", "mod a;"),
            ("a", "mod b; pub use b::B; mod inner { pub(in super::super) struct C(super::D); } struct D;"),
            ("a::b", "pub(in crate::a) struct B;"),
        ]);
        assert_eq!(check(&one), Vec::<String>::new());
    }

    #[test]
    fn one_direction_passes_and_tests_do_not_count() {
        let one = Crate::of(&[
            ("", "mod a; mod b; pub use a::A; pub use b::B;"),
            ("a", "pub struct A; #[cfg(test)] mod tests { use crate::B; }"),
            ("b", "use crate::A; macro_rules! m { () => { $crate::A } } pub struct B(A);"),
        ]);
        assert_eq!(check(&one), Vec::<String>::new());
    }
}
