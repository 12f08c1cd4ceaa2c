//! Reads what a receiver answered.

use crate::{HttpResponse, ItemRejection, Partition, Postponement, Settlement, Verdict};

/// The length of a receiver's explanation that goes into a reason, in characters.
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

    /// The wait that `Retry-After` asks for, in milliseconds. None where it names a date: a plugin has no clock, and the
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

impl Settlement {
    /// Every item was taken.
    pub fn accepted() -> Settlement {
        Settlement::rejected(Vec::new())
    }

    /// The items that were refused for good; the others were taken.
    pub fn rejected(rejected: Vec<ItemRejection>) -> Settlement {
        Settlement::Settled(Partition {
            rejected,
            retried: Vec::new(),
            after: None,
            reason: String::new(),
        })
    }

    /// The whole delivery again, not before so many milliseconds.
    pub fn retry(after: Option<u64>, reason: impl Into<String>) -> Settlement {
        let reason = reason.into();
        Settlement::Retry(Postponement { after, reason })
    }
}

impl From<Verdict> for Settlement {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Accepted => Settlement::accepted(),
            Verdict::Retry(after) => Settlement::retry(after, ""),
            Verdict::Rejected(rejected) => Settlement::rejected(rejected),
            Verdict::Refused(reason) => Settlement::Refused(reason),
        }
    }
}

/// For hosts that know no settlements: whatever must not get lost is sent again.
impl From<Settlement> for Verdict {
    fn from(settlement: Settlement) -> Self {
        match settlement {
            Settlement::Settled(parts) if !parts.retried.is_empty() => Verdict::Retry(parts.after),
            Settlement::Settled(parts) if parts.rejected.is_empty() => Verdict::Accepted,
            Settlement::Settled(parts) => Verdict::Rejected(parts.rejected),
            Settlement::Retry(postponement) => Verdict::Retry(postponement.after),
            Settlement::Refused(reason) | Settlement::Unusable(reason) => Verdict::Refused(reason),
            Settlement::Ask(_) => {
                Verdict::Refused("this host cannot ask the receiver what became of the events".into())
            }
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
    fn a_verdict_is_the_settlement_that_stands_for_it_and_the_other_way_round() {
        let item = |index| ItemRejection {
            index,
            reason: "no".into(),
        };
        for verdict in [
            Verdict::Accepted,
            Verdict::Retry(None),
            Verdict::Retry(Some(7)),
            Verdict::Rejected(vec![item(0), item(2)]),
            Verdict::Refused("no".into()),
        ] {
            assert_eq!(Verdict::from(Settlement::from(verdict.clone())), verdict);
        }
        let Settlement::Settled(parts) = Settlement::rejected(vec![item(0)]) else {
            panic!()
        };
        let retried = Settlement::Settled(Partition {
            retried: vec![1],
            after: Some(3),
            ..parts
        });
        assert_eq!(Verdict::from(retried), Verdict::Retry(Some(3)));
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
