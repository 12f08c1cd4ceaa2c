//! A look at an HTTP endpoint: that it is there and lets us in.

use http::{Method, StatusCode};

use super::{SinkError, answer};
use remote::{Remote, Request};

/// The role of an endpoint's URL for its sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Url {
    /// The URL to which events go.
    Receiver,
    /// The beginning of URLs that a plugin completes: at itself there need be nothing.
    Base,
}

/// Asks for the options of the endpoint (RFC 9110 section 9.3.7): a question that changes nothing, and that a receiver of
/// events need not know. So an answer that is about the question (405, 501, 400) shows that somebody is there, and no
/// more; one about the credential, the URL or the receiver's state shows that events would not get through.
pub(super) async fn options(sink: &str, remote: &Remote, address: url::Url, url: Url) -> Result<String, SinkError> {
    let request = Request::new(Method::OPTIONS, address).status_only();
    let answer = remote.exchange(request).await.map_err(|source| SinkError::Remote {
        sink: sink.to_owned(),
        source: Box::new(source),
    })?;
    let unusable = |what: &str, hint: &str| {
        Err(SinkError::Unusable {
            sink: sink.to_owned(),
            problem: format!("{what} ({})", answer::reason(remote, &answer)),
            hint: Some(hint.to_owned()),
        })
    };
    let code = answer.status.as_u16();
    match answer.status {
        status if status.is_success() => Ok(format!("reached, status {code}")),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            unusable("the receiver refuses the credential", "check `auth` of the endpoint")
        }
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => unusable(
            "the proxy refuses to let us through",
            "check the proxy's user name and password",
        ),
        StatusCode::NOT_FOUND | StatusCode::GONE => match url {
            Url::Receiver => unusable("there is nothing at the URL", "check the path in `url` of the endpoint"),
            Url::Base => Ok(format!(
                "reached; nothing is at the URL itself (status {code}), and only a run can tell what is below it"
            )),
        },
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
            unusable(BUSY, SEE_WHETHER_IT_IS_UP)
        }
        status if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED => {
            unusable(BUSY, SEE_WHETHER_IT_IS_UP)
        }
        _ => Ok(format!(
            "reached; it does not answer OPTIONS (status {code}), and only a run can tell whether it accepts events"
        )),
    }
}

const BUSY: &str = "the receiver cannot serve now";
const SEE_WHETHER_IT_IS_UP: &str = "see whether it is up, and what stands before it";
