use ::axum::extract::{
    FromRequest, FromRequestParts, OptionalFromRequest, OptionalFromRequestParts, RawPathParams, Request,
};
use ::axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use http::request::Parts;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::query;
use super::rejection::path_error;
use crate::{Error, Kind, Violation, code};

/// The body as JSON; rejects with an [`Error`] that names the field. As a response it serialises, like axum's.
///
/// A body with a `Content-Encoding` is a 415: it is read as it is. A decompression layer in front removes the header.
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
        refuse_encoding(request.headers())?;
        let body = <::axum::Json<T> as FromRequest<S>>::from_request(request, state).await?;
        Ok(Self(body.0))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> OptionalFromRequest<S> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, Error> {
        refuse_encoding(request.headers())?;
        let body = <::axum::Json<T> as OptionalFromRequest<S>>::from_request(request, state).await?;
        Ok(body.map(|body| Self(body.0)))
    }
}

fn refuse_encoding(headers: &HeaderMap) -> Result<(), Error> {
    let codings = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let is_identity = |coding: &[u8]| {
        coding.trim_ascii().is_empty() || coding.trim_ascii().eq_ignore_ascii_case(b"identity")
    };
    if codings.into_iter().all(is_identity) {
        return Ok(());
    }
    Err(Error::http(415, "the content encoding is not supported")
        .code(code::UNSUPPORTED_MEDIA_TYPE)
        .with_violation(Violation::header("content-encoding", "expected none")))
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
/// Fields below `flatten`, and those of tagged and untagged enums, may be numbers and booleans too: where serde asks for a value
/// without naming a type, a parameter is tried as a text and as a number. axum's own `Query` gives texts only. To report every
/// invalid parameter at once, extract `Query<Vec<(String, String)>>` and read it with `input::query`.
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

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        query::decode(parts.uri.query().unwrap_or_default()).map(Self)
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
