//! [`Channel`]: what all requests of a connection share, whether they go to the service or to its token endpoint.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use governor::clock::DefaultClock;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use http::header::{ACCEPT, ACCEPT_ENCODING, HeaderValue};
use http::{HeaderMap, Method, StatusCode};
use jiff::Timestamp;
use tokio::sync::Semaphore;
use tracing::{debug, warn};

use super::allowance::{asked_to_wait, exhausted, limit_told};
use super::clock::{ServerClock, in_words};
use super::counters::Tally;
use super::error::RemoteError;
use super::origin::Origin;
use super::pace::{Pace, Turn};
use super::redact::Redactor;
use super::response::{Body, Response, promised_length};
use super::retry::{Backoff, Budget};
use super::settings::{Exchange, RetryPolicy, Settings, Timeouts};
use super::transport::{Outgoing, Transport};

/// Requests under way at once, bodies included: however much is to be asked, connections and descriptors are few.
const AT_ONCE: usize = 64;

/// The transport of a connection, with its patience, its pace and its secrets.
pub(super) struct Channel {
    pub(super) name: String,
    pub(super) redactor: Arc<Redactor>,
    pub(super) tally: Arc<Tally>,
    pub(super) clock: ServerClock,
    /// The server whose clock is compared; none where nobody's is.
    compared: Option<Origin>,
    watch_clock: bool,
    transport: Box<dyn Transport>,
    places: Arc<Semaphore>,
    limiter: Option<RateLimiter<NotKeyed, InMemoryState, DefaultClock>>,
    pace: Pace,
    /// The rate limit in the server's words.
    told: Mutex<Option<String>>,
    budget: Budget,
    retry: RetryPolicy,
    timeouts: Timeouts,
}

impl Channel {
    pub(super) fn new(settings: &Settings, transport: Box<dyn Transport>, redactor: Arc<Redactor>) -> Channel {
        Channel {
            name: settings.name.clone(),
            redactor,
            tally: Arc::default(),
            clock: ServerClock::new(settings.now),
            compared: match settings.exchange {
                Exchange::Replay(_) => None,
                Exchange::Live | Exchange::Record { .. } => Origin::of(&settings.base),
            },
            watch_clock: settings.watch_clock,
            transport,
            places: Arc::new(Semaphore::new(AT_ONCE)),
            limiter: settings.rate_limit.map(limiter),
            pace: Pace::new(&settings.retry),
            told: Mutex::default(),
            budget: Budget::new(settings.retry.budget),
            retry: settings.retry,
            timeouts: settings.timeouts,
        }
    }

    /// The instant at which a request that starts now must be over.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.timeouts.total
    }

    /// One request and the head of its answer. Until the answer is dropped, it takes one of the few places: whoever holds
    /// it must not wait for another one.
    pub(super) async fn once(
        &self,
        mut outgoing: Outgoing,
        limit: u64,
        deadline: Instant,
    ) -> Result<Response, RemoteError> {
        outgoing
            .headers
            .entry(ACCEPT)
            .or_insert(HeaderValue::from_static("*/*"));
        // A compressed body would evade the length check.
        outgoing
            .headers
            .insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        // A pause of minutes is not time that the server takes.
        let asked = Instant::now();
        let turn = match outgoing.paced {
            true => Some(self.pace.turn().await.map_err(|left| self.too_long(left))?),
            false => None,
        };
        let deadline = deadline + asked.elapsed();
        // Nobody closes it.
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        if let Some(limiter) = &self.limiter {
            limiter.until_ready().await;
        }
        let (method, url) = (outgoing.method.clone(), outgoing.url.clone());
        if let Some(redemption) = &outgoing.redemption {
            redemption.begin()?;
        }
        let (began, sent) = (Instant::now(), self.clock.now());
        // Whatever it waited for, the date is that of this moment, by this machine's clock: a run whose clock stands still would be
        // refused.
        let signature = match outgoing.signer.take() {
            Some(signer) => {
                let Outgoing {
                    method,
                    url,
                    headers,
                    body,
                    ..
                } = &mut outgoing;
                Some(signer.sign(method, url, headers, body, Timestamp::now())?)
            }
            None => None,
        };
        self.tally.sent();
        let answered = tokio::time::timeout(self.timeouts.head, self.transport.execute(outgoing)).await;
        let incoming = match answered {
            Ok(Ok(incoming)) => incoming,
            Ok(Err(error)) => {
                let path = self.redactor.clean(url.path());
                debug!(connection = %self.name, %method, path, "{error}");
                return Err(error);
            }
            Err(_) => {
                return Err(RemoteError::Timeout {
                    what: "the answer",
                    after: self.timeouts.head,
                });
            }
        };
        debug!(
            connection = %self.name,
            %method,
            path = self.redactor.clean(url.path()),
            status = incoming.status.as_u16(),
            elapsed_ms = began.elapsed().as_millis(),
            "answered"
        );
        if let Some(signature) = signature.filter(|_| !incoming.status.is_success()) {
            // Whoever refuses a request may repeat it.
            self.redactor.add(&signature);
        }
        if let Some(turn) = turn {
            self.heed(turn, incoming.status, &incoming.headers);
        }
        if self.compared.is_some() && Origin::of(&url) == self.compared {
            self.compare_clocks(&incoming.headers, sent);
        }
        let has_body = incoming.status != StatusCode::NO_CONTENT && method != Method::HEAD;
        let promised = promised_length(&incoming.headers).filter(|_| has_body);
        // An error's body is only looked at, so its length is nobody's concern.
        let limit = if incoming.status.is_success() { limit } else { u64::MAX };
        let body = Body::new(
            incoming.body,
            promised,
            limit,
            self.timeouts,
            deadline,
            self.tally.clone(),
        );
        Ok(Response::new(incoming.status, incoming.headers, url, body, place))
    }

    /// The error of a request that is not sent: the server asked for a wait of which so much is left.
    fn too_long(&self, left: Duration) -> RemoteError {
        let (left_told, most) = (seconds(left), seconds(self.retry.max_throttled));
        RemoteError::Busy {
            status: StatusCode::TOO_MANY_REQUESTS,
            detail: Some(format!(
                "it accepts no request for another {left_told}, and a request waits {most} at most"
            )),
            retry_after: Some(left),
        }
    }

    /// Adapts the pace to an answer.
    fn heed(&self, turn: Turn<'_>, status: StatusCode, headers: &HeaderMap) {
        if let Some(limit) = limit_told(headers) {
            let limit = self.redactor.line(limit, 100);
            *self.told.lock().unwrap_or_else(PoisonError::into_inner) = Some(limit);
        }
        let now = SystemTime::now();
        let name = &self.name;
        if status == StatusCode::TOO_MANY_REQUESTS {
            let asked = asked_to_wait(headers, now);
            if let Some(pause) = turn.refused(asked) {
                let wish = asked.map(|_| ", as it asks").unwrap_or_default();
                let pause = seconds(pause);
                warn!("{name} accepts no more requests for now (429); all requests to it wait {pause}{wish}");
            }
        } else if let Some(pause) = turn.passed(exhausted(headers, now)) {
            let pause = seconds(pause);
            warn!("{name} says that its rate limit is used up; all requests to it wait {pause}, as it asks");
        }
    }

    /// The rate limit in the server's words.
    pub(super) fn limit_told(&self) -> Option<String> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn compare_clocks(&self, headers: &HeaderMap, sent: Timestamp) {
        self.clock.note(headers, sent);
        if self.watch_clock
            && let Some(offset) = self.clock.news()
        {
            warn!(
                connection = %self.name,
                "the clock of the server is {} this machine's: what was just written may be missed or asked for again; \
                 set this machine's clock right (NTP), or tell whoever runs the server",
                in_words(offset)
            );
        }
    }

    /// The retry policy for one thing.
    pub(super) fn retry(&self) -> Retry<'_> {
        Retry {
            channel: self,
            backoff: Backoff::new(self.retry, &self.budget),
            throttled: 0,
            turned_away: None,
        }
    }
}

fn limiter(per_second: NonZeroU32) -> RateLimiter<NotKeyed, InMemoryState, DefaultClock> {
    RateLimiter::direct(Quota::per_second(per_second))
}

/// The attempts at one thing.
pub struct Retry<'a> {
    channel: &'a Channel,
    backoff: Backoff<'a>,
    /// Attempts that were turned away as too many, and when the first one was.
    throttled: u32,
    turned_away: Option<Instant>,
}

impl Retry<'_> {
    /// Waits before the next attempt, or gives the failure back where there shall be none.
    pub async fn again(&mut self, error: RemoteError, repeatable: bool) -> Result<(), RemoteError> {
        if self.wait(&error, repeatable).await {
            return Ok(());
        }
        Err(match self.backoff.attempts() + self.throttled {
            0 | 1 => error,
            attempts => RemoteError::GaveUp {
                attempts,
                last: Box::new(error),
            },
        })
    }

    /// Waits before the next attempt; false where there shall be none. Where the server takes no more requests for now, the
    /// wait is that for the next request's turn.
    pub async fn wait(&mut self, error: &RemoteError, repeatable: bool) -> bool {
        if let Some(asked) = error.throttled()
            && (repeatable || error.nothing_done())
            && self.backoff.most() > 1
        {
            // The server may answer others all the while.
            let waited = self.turned_away.get_or_insert_with(Instant::now).elapsed();
            let hopeful = waited <= self.channel.retry.max_throttled && self.channel.pace.is_hopeful(asked);
            if hopeful {
                self.throttled += 1;
                self.channel.tally.repeated();
            }
            return hopeful;
        }
        let Some(wait) = self.backoff.next(error, repeatable) else {
            return false;
        };
        let name = &self.channel.name;
        let what = match error {
            RemoteError::Busy { status, .. } => format!("{name} is unavailable ({})", status.as_u16()),
            error => format!("{name}: {error}"),
        };
        let (next, most) = (self.backoff.attempts(), self.backoff.most());
        warn!("{what}; next attempt in {} ({next} of {most})", seconds(wait));
        self.channel.tally.repeated();
        tokio::time::sleep(wait).await;
        true
    }
}

/// A wait for people: `0.9 s`, `42 s`.
fn seconds(wait: Duration) -> String {
    match wait.as_secs() {
        0..10 => format!("{:.1} s", wait.as_secs_f64()),
        seconds => format!("{seconds} s"),
    }
}
