use std::sync::Arc;

/// The template of the route that answered, such as `/orders/{id}`, in the extensions of a response.
///
/// [`RequestLayer`](super::RequestLayer) stands outside of the router and cannot see which route matched: a layer inside puts this
/// into the response, and the request's span is named by it.
///
/// # Examples
///
/// ```
/// use axum::{Router, extract::{MatchedPath, Request}, middleware::{Next, from_fn}, response::Response, routing::get};
/// use underpin_logger::tower::Route;
///
/// async fn note_route(matched: MatchedPath, request: Request, next: Next) -> Response {
///     let mut response = next.run(request).await;
///     response.extensions_mut().insert(Route::new(matched.as_str()));
///     response
/// }
///
/// let app: Router = Router::new().route("/orders/{id}", get(|| async { "tea" })).route_layer(from_fn(note_route));
/// # let _ = app;
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Route(Arc<str>);

impl Route {
    /// A route by its template, never by the path of a request.
    pub fn new(template: impl Into<Arc<str>>) -> Self {
        Self(template.into())
    }

    /// The template.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
