//! Whether an HTTP endpoint is there and lets us in.

use http::{Method, StatusCode};

use super::SinkError;
use crate::remote::{Remote, Request};

/// Asks for the options of the endpoint (RFC 9110 section 9.3.7): any answer but a refused credential shows that it is there.
pub(super) async fn options(sink: &str, remote: &Remote) -> Result<String, SinkError> {
    let request = Request::new(Method::OPTIONS, remote.base().itself().clone()).any_status();
    let answer = remote.exchange(request).await.map_err(|source| SinkError::Remote {
        sink: sink.to_owned(),
        source: Box::new(source),
    })?;
    match answer.status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(SinkError::Unusable {
            sink: sink.to_owned(),
            problem: format!("the receiver refuses the credential (status {})", answer.status),
            hint: Some("check `auth` of the endpoint".into()),
        }),
        status => Ok(format!("reached, status {}", status.as_u16())),
    }
}
