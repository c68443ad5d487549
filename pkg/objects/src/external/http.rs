//! The HTTP client of S3: hyper on rustls with ring, as everywhere in the family. That of `object_store` brings a second TLS stack.

use std::time::Duration;

use async_trait::async_trait;
use http_body_util::BodyExt;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector as TcpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse,
    HttpResponseBody, HttpService,
};
use tokio::time::timeout;
use underpin_errors::BoxError;

#[derive(Debug)]
pub(super) struct HyperConnector {
    client: HyperClient,
}

#[derive(Clone, Debug)]
struct HyperClient {
    client: Client<HttpsConnector<TcpConnector>, HttpRequestBody>,
    within: Duration,
}

impl HyperConnector {
    /// A client whose answers begin within this time.
    pub(super) fn new(within: Duration) -> Result<Self, BoxError> {
        let tls = HttpsConnectorBuilder::new().with_native_roots()?.https_or_http().enable_http1();
        let client = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(tls.build());
        Ok(Self { client: HyperClient { client, within } })
    }
}

impl HttpConnector for HyperConnector {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.client.clone()))
    }
}

#[async_trait]
impl HttpService for HyperClient {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let late = |elapsed| HttpError::new(HttpErrorKind::Timeout, elapsed);
        let answer = timeout(self.within, self.client.request(request)).await.map_err(late)?;
        let answer = answer.map_err(|error| {
            let kind = if error.is_connect() { HttpErrorKind::Connect } else { HttpErrorKind::Request };
            HttpError::new(kind, error)
        })?;
        let (parts, body) = answer.into_parts();
        let body = body.map_err(|error| HttpError::new(HttpErrorKind::Interrupted, error));
        Ok(HttpResponse::from_parts(parts, HttpResponseBody::new(body)))
    }
}
