//! Reads what a receiver answered.

use crate::{HttpResponse, Verdict};

/// How much of a receiver's explanation goes into a reason, in characters.
const DETAIL_CHARS: usize = 300;

impl HttpResponse {
    /// The value of a header; its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as text; what is no UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// How long to wait by `Retry-After`, in milliseconds. None where it names a date: a plugin has no clock, and the
    /// host reads the header itself where a verdict leaves the wait to it.
    pub fn retry_after(&self) -> Option<u64> {
        let seconds: u64 = self.header("retry-after")?.trim().parse().ok()?;
        seconds.checked_mul(1000)
    }

    /// The status and how the body begins, in one line: for the reason of a verdict.
    pub fn reason(&self) -> String {
        // Four bytes are the longest character.
        let body = self.body.get(..4 * DETAIL_CHARS).unwrap_or(&self.body);
        match in_one_line(&String::from_utf8_lossy(body)).as_str() {
            "" => format!("status {}", self.status),
            detail => format!("status {}: {detail}", self.status),
        }
    }
}

impl Verdict {
    /// The verdict that the status alone stands for, by RFC 9110: 2xx took the events; 408, 425, 429 and 5xx other than
    /// 501 may take them later; everything else never will.
    pub fn from_status(response: &HttpResponse) -> Verdict {
        match response.status {
            200..=299 => Verdict::Accepted,
            408 | 425 | 429 | 500 | 502..=599 => Verdict::Retry(response.retry_after()),
            _ => Verdict::Refused(response.reason()),
        }
    }
}

/// A receiver's text without line breaks, other control characters and needless white space, cut to 300 characters.
pub fn in_one_line(text: &str) -> String {
    let spaced = |c: char| if c.is_control() || c.is_whitespace() { ' ' } else { c };
    let text: String = text.chars().take(4 * DETAIL_CHARS).map(spaced).collect();
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(DETAIL_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> HttpResponse {
        HttpResponse {
            status,
            headers: vec![("retry-after".into(), "7".into())],
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn a_status_is_read_as_rfc_9110_defines_it() {
        for status in [200, 201, 204] {
            assert_eq!(Verdict::from_status(&answer(status, "")), Verdict::Accepted);
        }
        for status in [408, 425, 429, 500, 502, 503, 504] {
            assert_eq!(Verdict::from_status(&answer(status, "")), Verdict::Retry(Some(7000)));
        }
        for status in [301, 400, 401, 403, 404, 410, 422, 501] {
            let refused = Verdict::Refused(format!("status {status}: go away"));
            assert_eq!(Verdict::from_status(&answer(status, "go\r\n\taway\u{1b}")), refused);
        }
    }

    #[test]
    fn a_wait_that_is_a_date_is_left_to_the_host() {
        let mut answer = answer(429, "");
        answer.headers[0].1 = "Wed, 21 Oct 2015 07:28:00 GMT".into();
        assert_eq!(answer.retry_after(), None);
    }

    #[test]
    fn a_reason_is_one_short_line() {
        let reason = answer(400, &"é\n".repeat(10_000)).reason();
        assert!(reason.chars().count() <= 300 + "status 400: ".len() && !reason.contains('\n'));
    }
}
