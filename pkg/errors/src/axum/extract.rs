use ::axum::extract::{
    FromRequest, FromRequestParts, OptionalFromRequest, OptionalFromRequestParts, RawPathParams, Request,
};
use ::axum::response::{IntoResponse, Response};
use http::request::Parts;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::rejection::path_error;
use crate::{Error, Kind};

/// The body as JSON; rejects with an [`Error`] that names the field. As an answer it serialises, like axum's.
///
/// # Examples
/// ```
/// use axum::{Router, body::Body, http::Request, routing::post};
/// use tower::ServiceExt;
/// use underpin_errors::axum::Json;
///
/// #[derive(serde::Deserialize)]
/// struct Order { quantity: u32 }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let app: Router = Router::new().route("/", post(async |Json(order): Json<Order>| order.quantity.to_string()));
/// let request = Request::post("/").header("content-type", "application/json").body(Body::from(r#"{"quantity":"x"}"#));
/// let answer = app.oneshot(request.unwrap()).await.unwrap();
/// assert_eq!(answer.status(), 400);
/// let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
/// assert!(String::from_utf8_lossy(&body).contains("#/quantity"));
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let body = <::axum::Json<T> as FromRequest<S>>::from_request(request, state).await?;
        Ok(Self(body.0))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> OptionalFromRequest<S> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, Error> {
        let body = <::axum::Json<T> as OptionalFromRequest<S>>::from_request(request, state).await?;
        Ok(body.map(|body| Self(body.0)))
    }
}

/// The value as `application/json`. One that cannot be serialised is a 500 whose cause stays inside, where axum's own
/// would answer with the text of the failure.
impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => ([(http::header::CONTENT_TYPE, "application/json")], body).into_response(),
            Err(error) => Error::wrap(Kind::Internal, error, "serialize the answer").into_response(),
        }
    }
}

/// The query string; rejects with an [`Error`] that names the parameter.
///
/// # Examples
/// ```
/// use axum::{Router, body::Body, http::Request, routing::get};
/// use tower::ServiceExt;
/// use underpin_errors::axum::Query;
///
/// #[derive(serde::Deserialize)]
/// struct Page { limit: u32 }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let app: Router = Router::new().route("/", get(async |Query(page): Query<Page>| page.limit.to_string()));
/// let answer = app.oneshot(Request::get("/?limit=many").body(Body::empty()).unwrap()).await.unwrap();
/// assert_eq!(answer.status(), 400);
/// let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
/// assert!(String::from_utf8_lossy(&body).contains(r#""parameter":"limit""#));
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let query = ::axum::extract::Query::<T>::from_request_parts(parts, state).await?;
        Ok(Self(query.0))
    }
}

/// The parameters of the path; rejects with an [`Error`] that names the parameter.
///
/// # Examples
/// ```
/// use axum::{Router, body::Body, http::Request, routing::get};
/// use tower::ServiceExt;
/// use underpin_errors::axum::Path;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let app: Router = Router::new().route("/orders/{id}", get(async |Path(id): Path<u64>| id.to_string()));
/// let answer = app.oneshot(Request::get("/orders/x").body(Body::empty()).unwrap()).await.unwrap();
/// assert_eq!(answer.status(), 400);
/// let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
/// assert!(String::from_utf8_lossy(&body).contains(r#""parameter":"id""#));
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let path = <::axum::extract::Path<T> as FromRequestParts<S>>::from_request_parts(parts, state).await;
        match path {
            Ok(path) => Ok(Self(path.0)),
            Err(rejection) => Err(path_error(&rejection, &names(parts).await)),
        }
    }
}

impl<T: DeserializeOwned + Send + 'static, S: Send + Sync> OptionalFromRequestParts<S> for Path<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Error> {
        let path =
            <::axum::extract::Path<T> as OptionalFromRequestParts<S>>::from_request_parts(parts, state).await;
        match path {
            Ok(path) => Ok(path.map(|path| Self(path.0))),
            Err(rejection) => Err(path_error(&rejection, &names(parts).await)),
        }
    }
}

/// The parameters' names in the order of the route, which axum leaves out of its rejections of plain values and tuples.
async fn names(parts: &mut Parts) -> Vec<String> {
    match RawPathParams::from_request_parts(parts, &()).await {
        Ok(params) => params.iter().map(|(name, _)| name.to_owned()).collect(),
        // The rejection that is being explained says the same.
        Err(_) => Vec::new(),
    }
}
