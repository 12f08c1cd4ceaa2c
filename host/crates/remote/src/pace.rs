//! [`Pace`]: how fast a connection asks, learned from a server that says when it is too fast.
//!
//! Every request waits for its [`Turn`]. As long as the server turns none away (429), turns are given as they are asked for.
//! Once it does, everybody pauses: as long as the server asks, or else twice as long as the last time. Then one request
//! tries; if it is turned away, too, the next pause begins, and if not, all go on, at half the rate at which they were turned
//! away, but no slower than what the server let pass in all, the pause included. From there the rate grows by a little
//! with each answer: additive increase, multiplicative decrease. A server that says beforehand that no request is left
//! (`RateLimit-Remaining: 0`) gets its pause without one being turned away.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::settings::RetryPolicy;

/// The first pause, and the longest of our own choosing, in waits of the retry policy: 2 s and 1 min by default.
const FIRST: u32 = 4;
const LONGEST: u32 = 2;

/// However often it was turned away, a connection asks so often: requests a second.
const SLOWEST: f64 = 0.5;

/// From this rate on there is no need to hold back: requests a second.
const FASTEST: f64 = 1000.0;

/// So many answers make up for one that was turned away; and what an answer adds at least, in requests a second.
const MAKE_UP: f64 = 200.0;
const LEAST_RAISE: f64 = 0.02;

/// Fewer answers tell nothing about a rate.
const TELLING: u64 = 10;

/// The time by which a pause may be longer than asked.
const LEEWAY: Duration = Duration::from_secs(2);

/// The time without a request after which a client is not as fast as can be.
const IDLE: Duration = Duration::from_secs(1);

/// The pace of all requests of a connection.
#[derive(Debug)]
pub(super) struct Pace {
    first: Duration,
    longest: Duration,
    patience: Duration,
    state: Mutex<State>,
    /// Something changed for who waits.
    changed: Notify,
}

#[derive(Debug)]
struct State {
    /// Nobody's turn comes before.
    open: Option<Instant>,
    /// The number of pauses. A request that was sent before the last one began tells nothing about what is after it.
    pauses: u64,
    /// The number of times in a row that a pause was followed by another; 0 while all goes well.
    refused: u32,
    /// The request that tries whether the pause is over.
    trying: bool,
    /// Requests a second; none where that does not matter.
    rate: Option<f64>,
    /// The increase for each answer.
    raise: f64,
    /// The instant of the next turn at that rate.
    next: Instant,
    /// Answers since the stretch between two refusals began.
    answers: u64,
    stretch: Instant,
    /// The last turn or answer.
    busy: Instant,
    /// The instant at which the server last answered; or at which it began to turn requests away, where that is later.
    alive: Option<Instant>,
}

/// Leave to send one request. Dropped without a word, it told nothing.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    pace: &'a Pace,
    /// After which pause.
    pause: u64,
    /// True if all others wait for it.
    trial: bool,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.end_trial();
    }
}

enum Wait {
    Until(Instant),
    TooLong(Duration),
    Slot(Instant, u64),
    Change,
}

impl Pace {
    pub(super) fn new(policy: &RetryPolicy) -> Pace {
        let first = policy.min_delay.saturating_mul(FIRST);
        let now = Instant::now();
        Pace {
            first,
            longest: policy.max_delay.saturating_mul(LONGEST).max(first),
            patience: policy.max_throttled,
            state: Mutex::new(State {
                open: None,
                pauses: 0,
                refused: 0,
                trying: false,
                rate: None,
                raise: 0.0,
                next: now,
                answers: 0,
                stretch: now,
                busy: now,
                alive: None,
            }),
            changed: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a request may be sent. Where that takes longer than there is patience, it fails at once, and says how
    /// long.
    pub(super) async fn turn(&self) -> Result<Turn<'_>, Duration> {
        loop {
            let changed = self.changed.notified();
            let mut changed = std::pin::pin!(changed);
            changed.as_mut().enable();
            match self.ask() {
                Ok(turn) => return Ok(turn),
                Err(Wait::TooLong(left)) => return Err(left),
                Err(Wait::Until(open)) => tokio::time::sleep_until(open).await,
                Err(Wait::Change) => changed.await,
                Err(Wait::Slot(at, pause)) => {
                    tokio::time::sleep_until(at).await;
                    if self.state().pauses == pause {
                        return Ok(Turn {
                            pace: self,
                            pause,
                            trial: false,
                        });
                    }
                }
            }
        }
    }

    fn ask(&self) -> Result<Turn<'_>, Wait> {
        let mut state = self.state();
        let now = Instant::now();
        if let Some(open) = state.open.filter(|open| *open > now) {
            if open - now > self.patience.saturating_add(LEEWAY) {
                return Err(Wait::TooLong(open - now));
            }
            return Err(Wait::Until(open));
        }
        if state.trying {
            return Err(Wait::Change);
        }
        let trial = state.refused > 0;
        state.trying = trial;
        let idle = now - state.open.unwrap_or(state.busy).max(state.busy);
        if idle > IDLE {
            state.stretch += idle;
        }
        state.busy = now;
        if let Some(rate) = state.rate.filter(|_| !trial) {
            let at = state.next.max(now);
            state.next = at + Duration::from_secs_f64(1.0 / rate.max(SLOWEST));
            if at > now {
                return Err(Wait::Slot(at, state.pauses));
            }
        }
        Ok(Turn {
            pace: self,
            pause: state.pauses,
            trial,
        })
    }

    /// True if a request that was turned away may hope: the server has answered some other one not long ago, and asks for
    /// no longer wait than there is patience.
    pub(super) fn is_hopeful(&self, asked: Option<Duration>) -> bool {
        let alive = self.state().alive;
        asked.unwrap_or_default() <= self.patience && alive.is_none_or(|alive| alive.elapsed() <= self.patience)
    }
}

impl Turn<'_> {
    /// The server did not turn the request away. Where it says how long it takes no more (`exhausted`), everybody pauses;
    /// that pause is given back.
    pub(super) fn passed(self, exhausted: Option<Duration>) -> Option<Duration> {
        let mut state = self.pace.state();
        let now = Instant::now();
        (state.alive, state.busy) = (Some(now), now);
        if state.refused > 0 && self.pause == state.pauses {
            // The pause is over; the stretch before it tells what the server bears in the long run.
            let sustained = per_second(state.answers, now - state.stretch);
            state.rate = state.rate.map(|rate| rate.max(sustained));
            state.refused = 0;
            state.next = now;
            (state.answers, state.stretch) = (0, now);
        }
        state.answers += 1;
        state.rate = state.rate.map(|rate| rate + state.raise).filter(|rate| *rate < FASTEST);
        let wait = exhausted.filter(|wait| !wait.is_zero() && *wait <= self.pace.patience)?;
        let open = now + wait;
        if state.open.is_some_and(|known| known >= open) {
            return None;
        }
        state.open = Some(open);
        state.pauses += 1;
        Some(wait)
    }

    /// The server turned the request away, and asks to wait so long. The pause that begins is given back; none where it has
    /// begun already.
    pub(super) fn refused(self, asked: Option<Duration>) -> Option<Duration> {
        let mut state = self.pace.state();
        let now = Instant::now();
        state.busy = now;
        if self.pause != state.pauses {
            // One of those that were on their way when the pause began.
            let open = asked
                .filter(|asked| *asked <= self.pace.patience)
                .map(|asked| now + asked);
            state.open = state.open.max(open);
            return None;
        }
        if state.refused == 0 {
            state.alive = Some(now);
            let going = (state.answers >= TELLING).then(|| per_second(state.answers, now - state.stretch));
            let rate = [state.rate, going].into_iter().flatten().reduce(f64::min);
            state.rate = rate.map(|rate| (rate / 2.0).max(SLOWEST));
            state.raise = state.rate.map_or(0.0, |rate| (rate / MAKE_UP).max(LEAST_RAISE));
        }
        let doubled = |first: Duration| {
            let times = 1_u32.checked_shl(state.refused).unwrap_or(u32::MAX);
            first.saturating_mul(times).min(self.pace.longest)
        };
        let wait = match asked {
            // Servers that ask for no wait at all, or for one that is too short.
            Some(asked) => asked.max(doubled(self.pace.first / 8)),
            None => doubled(self.pace.first),
        };
        // A little longer keeps a herd of hosts from returning at the same instant.
        let wait = wait + (wait / 10).min(Duration::from_secs(1)).mul_f64(fastrand::f64());
        state.refused = state.refused.saturating_add(1);
        state.pauses += 1;
        state.open = Some(now + wait);
        Some(wait)
    }

    fn end_trial(&self) {
        if self.trial {
            self.pace.state().trying = false;
        }
        self.pace.changed.notify_waiters();
    }
}

/// So many in so long; at least a millisecond, for a rate.
fn per_second(count: u64, time: Duration) -> f64 {
    #[allow(clippy::cast_precision_loss)]
    let count = count as f64;
    count / time.max(Duration::from_millis(1)).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn pace() -> Pace {
        Pace::new(&RetryPolicy::default())
    }

    /// A server that takes so many requests in each minute of its clock, and turns the others away.
    struct Minutely {
        began: Instant,
        most: u64,
        within: Mutex<(u64, u64)>,
        turned_away: AtomicU64,
    }

    impl Minutely {
        fn new(most: u64) -> Minutely {
            Minutely {
                began: Instant::now(),
                most,
                within: Mutex::default(),
                turned_away: AtomicU64::new(0),
            }
        }

        fn takes(&self) -> bool {
            let minute = self.began.elapsed().as_secs() / 60;
            let mut within = self.within.lock().unwrap();
            if within.0 != minute {
                *within = (minute, 0);
            }
            within.1 += 1;
            let taken = within.1 <= self.most;
            self.turned_away.fetch_add(u64::from(!taken), Ordering::Relaxed);
            taken
        }
    }

    /// So many requests by four callers at once, each answered after 50 ms. Gives the pauses.
    async fn send(pace: &Arc<Pace>, server: &Arc<Minutely>, requests: u64) -> u64 {
        let (left, pauses) = (Arc::new(AtomicU64::new(requests)), Arc::new(AtomicU64::new(0)));
        let callers: Vec<_> = (0..4)
            .map(|_| {
                let (pace, server) = (Arc::clone(pace), Arc::clone(server));
                let (left, pauses) = (Arc::clone(&left), Arc::clone(&pauses));
                tokio::spawn(async move {
                    let take = |left: u64| left.checked_sub(1);
                    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
                        loop {
                            let turn = pace.turn().await.unwrap();
                            tokio::time::sleep(Duration::from_millis(50)).await;
                            if server.takes() {
                                turn.passed(None);
                                break;
                            }
                            if turn.refused(None).is_some() {
                                pauses.fetch_add(1, Ordering::Relaxed);
                            }
                            assert!(pace.is_hopeful(None));
                        }
                    }
                })
            })
            .collect();
        for caller in callers {
            caller.await.unwrap();
        }
        pauses.load(Ordering::Relaxed)
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_turns_away_for_the_rest_of_each_minute_is_outlasted_and_hardly_bothered() {
        let (pace, server) = (Arc::new(pace()), Arc::new(Minutely::new(100)));
        let began = Instant::now();
        let pauses = send(&pace, &server, 600).await;
        // Six minutes are what 600 requests take there at least.
        assert!(began.elapsed() < 9 * MINUTE, "{:?}", began.elapsed());
        let turned_away = server.turned_away.load(Ordering::Relaxed);
        assert!(turned_away < 60, "{turned_away} of 600");
        assert!(pauses <= turned_away, "{pauses}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_turns_nobody_away_is_asked_as_fast_as_it_answers() {
        let (pace, server) = (Arc::new(pace()), Arc::new(Minutely::new(u64::MAX)));
        let began = Instant::now();
        assert_eq!(send(&pace, &server, 400).await, 0);
        assert_eq!(began.elapsed(), Duration::from_secs(5));
    }

    #[tokio::test(start_paused = true)]
    async fn everybody_pauses_and_one_request_tries_first() {
        let pace = pace();
        let turn = pace.turn().await.unwrap();
        let paused = turn.refused(Some(Duration::from_secs(7))).unwrap();
        assert!(paused >= Duration::from_secs(7) && paused < Duration::from_secs(9));
        let began = Instant::now();
        let trial = pace.turn().await.unwrap();
        assert!(began.elapsed() >= Duration::from_secs(7));
        let waits = |wait| tokio::time::timeout(wait, pace.turn());
        assert!(waits(MINUTE).await.is_err(), "while one tries, the others wait");
        trial.passed(None);
        assert!(waits(MINUTE).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_comes_to_nothing_lets_another_one_try() {
        let pace = pace();
        pace.turn().await.unwrap().refused(None);
        drop(pace.turn().await.unwrap());
        pace.turn().await.unwrap().passed(None);
    }

    #[tokio::test(start_paused = true)]
    async fn those_on_their_way_when_a_pause_begins_make_it_no_longer() {
        let pace = pace();
        let turns = [
            pace.turn().await.unwrap(),
            pace.turn().await.unwrap(),
            pace.turn().await.unwrap(),
        ];
        let told: Vec<_> = turns.into_iter().map(|turn| turn.refused(None).is_some()).collect();
        assert_eq!(told, [true, false, false]);
        let began = Instant::now();
        pace.turn().await.unwrap().passed(None);
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_until_a_minute_of_refusals_is_over() {
        let pace = pace();
        let mut waits = Vec::new();
        for _ in 0..8 {
            waits.push(pace.turn().await.unwrap().refused(None).unwrap().as_secs());
        }
        assert!(
            waits.is_sorted() && waits[0] == 2 && waits[7] >= 60 && waits[7] < 62,
            "{waits:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends_with_the_time_that_nothing_passed() {
        let pace = pace();
        assert!(pace.is_hopeful(None));
        assert!(!pace.is_hopeful(Some(11 * MINUTE)), "it asks for too long a wait");
        pace.turn().await.unwrap().refused(None);
        tokio::time::advance(9 * MINUTE).await;
        assert!(pace.is_hopeful(None));
        pace.turn().await.unwrap().passed(None);
        tokio::time::advance(9 * MINUTE).await;
        pace.turn().await.unwrap().refused(None);
        assert!(pace.is_hopeful(None), "some were answered meanwhile");
        tokio::time::advance(11 * MINUTE).await;
        assert!(!pace.is_hopeful(None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_is_longer_than_patience_lets_nobody_wait() {
        let pace = pace();
        let began = Instant::now();
        pace.turn().await.unwrap().refused(Some(60 * MINUTE));
        for _ in 0..3 {
            let left = pace.turn().await.unwrap_err();
            assert!(left >= 59 * MINUTE && !pace.is_hopeful(Some(left)), "{left:?}");
        }
        assert_eq!(began.elapsed(), Duration::ZERO);
        tokio::time::advance(55 * MINUTE).await;
        pace.turn().await.unwrap().passed(None);
        // One that is as long as patience is waited for.
        pace.turn().await.unwrap().refused(Some(10 * MINUTE));
        assert!(pace.is_hopeful(Some(10 * MINUTE)));
        pace.turn().await.unwrap().passed(None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_was_idle_is_not_taken_for_a_slow_one() {
        let pace = pace();
        for _ in 0..100 {
            tokio::time::advance(Duration::from_millis(10)).await;
            pace.turn().await.unwrap().passed(None);
        }
        tokio::time::advance(30 * MINUTE).await;
        pace.turn().await.unwrap().refused(None);
        pace.turn().await.unwrap().passed(None);
        let rate = pace.state().rate.unwrap();
        assert!(rate > 30.0 && rate < 60.0, "{rate} a second");
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_has_none_left_is_not_asked_until_it_has() {
        let pace = pace();
        assert_eq!(pace.turn().await.unwrap().passed(Some(MINUTE)), Some(MINUTE));
        let began = Instant::now();
        drop(pace.turn().await.unwrap());
        assert!(began.elapsed() >= MINUTE && began.elapsed() < MINUTE + Duration::from_secs(1));
        assert_eq!(
            pace.turn().await.unwrap().passed(Some(99 * MINUTE)),
            None,
            "longer than anybody waits"
        );
    }
}
