use std::{future::poll_fn, pin::pin};

use bytes::Buf as _;
use http::{Response, header::RETRY_AFTER};
use http_body::Body;
use underpin_errors::{BoxError, Error};

/// A problem is shorter. What comes after is not read.
const LONGEST_PROBLEM: usize = 64 * 1024;

/// The answer of a peer, or the error that it describes.
pub(super) async fn error_of<O>(response: Response<O>) -> Result<Response<O>, Error>
where
    O: Body,
    O::Error: Into<BoxError>,
{
    let status = response.status();
    if status.as_u16() < 400 {
        return Ok(response);
    }
    let delay = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (body, broken) = beginning(response.into_body()).await;
    let error = Error::from_remote(status.as_u16(), &body);
    let error = delay.iter().fold(error, |error, delay| error.retry_after_header(delay));
    Err(match broken {
        Some(broken) => error.caused_by(broken),
        None => error,
    })
}

/// The beginning of a body, and why it was cut short.
async fn beginning<O>(body: O) -> (Vec<u8>, Option<BoxError>)
where
    O: Body,
    O::Error: Into<BoxError>,
{
    let mut body = pin!(body);
    let mut read = Vec::new();
    while read.len() < LONGEST_PROBLEM {
        match poll_fn(|task| body.as_mut().poll_frame(task)).await {
            Some(Ok(frame)) => {
                let Ok(mut data) = frame.into_data() else { continue };
                while data.has_remaining() && read.len() < LONGEST_PROBLEM {
                    let chunk = data.chunk();
                    let count = chunk.len().min(LONGEST_PROBLEM - read.len());
                    read.extend_from_slice(chunk.get(..count).unwrap_or_default());
                    data.advance(count);
                }
            }
            Some(Err(error)) => return (read, Some(error.into())),
            None => break,
        }
    }
    (read, None)
}
