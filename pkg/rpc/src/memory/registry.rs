use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::engine::Instance;
use crate::micro::Verb;

/// Who listens on which subject.
#[derive(Default)]
pub(super) struct Registry(Mutex<HashMap<String, Vec<Route>>>);

/// The listeners of a subject in one queue group, or those without a group.
struct Route {
    group: Option<String>,
    members: Vec<Target>,
    next: usize,
}

/// What an instance listens for.
#[derive(Clone)]
pub(super) enum Target {
    Endpoint(Arc<Instance>, usize),
    Discovery(Arc<Instance>, Verb),
}

impl Target {
    fn is_of(&self, instance: &Arc<Instance>, discovery: bool) -> bool {
        match self {
            Self::Endpoint(own, _) => !discovery && Arc::ptr_eq(own, instance),
            Self::Discovery(own, _) => discovery && Arc::ptr_eq(own, instance),
        }
    }
}

impl Registry {
    pub(super) fn add(&self, instance: &Arc<Instance>) {
        let mut routes = self.routes();
        for (index, spec) in instance.specs().enumerate() {
            let target = Target::Endpoint(Arc::clone(instance), index);
            listen(&mut routes, spec.subject().to_owned(), spec.group.name(), target);
        }
        for verb in Verb::ALL {
            for subject in verb.subjects(&instance.name, &instance.id) {
                listen(&mut routes, subject, None, Target::Discovery(Arc::clone(instance), verb));
            }
        }
    }

    /// Takes the endpoints of an instance out, or its discovery.
    pub(super) fn remove(&self, instance: &Arc<Instance>, discovery: bool) {
        self.routes().retain(|_, routes| {
            for route in &mut *routes {
                route.members.retain(|target| !target.is_of(instance, discovery));
            }
            routes.retain(|route| !route.members.is_empty());
            !routes.is_empty()
        });
    }

    /// Who gets a message: all without a group, and one member of each group, in turn.
    pub(super) fn targets(&self, subject: &str) -> Vec<Target> {
        let mut routes = self.routes();
        let Some(routes) = routes.get_mut(subject) else { return Vec::new() };
        let mut targets = Vec::with_capacity(1);
        for route in routes {
            if route.group.is_none() {
                targets.extend(route.members.iter().cloned());
            } else {
                route.next = (route.next + 1) % route.members.len().max(1);
                targets.extend(route.members.get(route.next).cloned());
            }
        }
        targets
    }

    fn routes(&self) -> MutexGuard<'_, HashMap<String, Vec<Route>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn listen(routes: &mut HashMap<String, Vec<Route>>, subject: String, group: Option<&str>, target: Target) {
    let routes = routes.entry(subject).or_default();
    match routes.iter_mut().find(|route| route.group.as_deref() == group) {
        Some(route) => route.members.push(target),
        None => routes.push(Route { group: group.map(str::to_owned), members: vec![target], next: 0 }),
    }
}
