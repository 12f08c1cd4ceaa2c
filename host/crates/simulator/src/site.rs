//! One simulated environment: its scenario, its past, its jobs and files, and what was asked of it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use jiff::Timestamp;

use super::audit_events::index::{Indexes, KeptPages};
use super::desk::JobStore;
use super::fault::Faults;
use super::history::{DAY, SimulatedPast};
use super::oci::instance_certificate::InstanceCertificates;
use super::oci::log::TenancyLog;
use super::oci::sessions::OciSessions;
use super::resource::Resources;
use super::scenario::Scenario;
use super::throttle::Throttle;
use super::tokens::Tokens;

/// Requests that are remembered; older ones are forgotten.
const SEEN: usize = 10_000;

/// A request that reached the simulator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedRequest {
    /// `GET`, `POST` and so on.
    pub method: String,
    /// The path, percent-encoded, as it came.
    pub path: String,
    /// The text after the `?`.
    pub query: Option<String>,
    /// The sender: the user, or what a token stands for. None where nobody was recognised.
    pub user: Option<String>,
    /// The headers, names in lower case, but for those that hold secrets.
    pub headers: Vec<(String, String)>,
}

impl RecordedRequest {
    /// The first value of a header; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Everything that handlers share.
#[derive(Debug)]
pub(super) struct AppState {
    pub(super) scenario: Scenario,
    pub(super) history: SimulatedPast,
    pub(super) faults: Faults,
    pub(super) throttle: Throttle,
    pub(super) tls: bool,
    /// The instant at which the request began: no other has begun at the same nanosecond.
    pub(super) since: Timestamp,
    /// The instant at which the clock stands; None while it goes with this machine's.
    stands_at: Mutex<Option<Timestamp>>,
    turns: AtomicU64,
    desk: Mutex<JobStore>,
    tokens: Mutex<Tokens>,
    /// The certificates of the instance, once somebody has asked for them.
    pub(super) instance: OnceLock<Option<InstanceCertificates>>,
    oci_sessions: Mutex<OciSessions>,
    indexes: Mutex<Indexes>,
    kept_pages: Mutex<KeptPages>,
    seen: Mutex<VecDeque<RecordedRequest>>,
}

impl AppState {
    pub(super) fn new(scenario: Scenario, tls: bool) -> Self {
        Self {
            history: SimulatedPast::new(scenario.seed, scenario.rows, scenario.hostile_names),
            faults: Faults::new(&scenario.faults),
            throttle: Throttle::new(scenario.rate_limit),
            tls,
            since: Timestamp::now(),
            stands_at: Mutex::new(scenario.now),
            turns: AtomicU64::new(0),
            desk: Mutex::default(),
            tokens: Mutex::new(Tokens::new(
                scenario.seed,
                &scenario.oauth.refresh_token,
                &scenario.credentials.user,
                &scenario.oauth.client_id,
            )),
            instance: OnceLock::new(),
            oci_sessions: Mutex::default(),
            indexes: Mutex::default(),
            kept_pages: Mutex::default(),
            seen: Mutex::default(),
            scenario,
        }
    }

    pub(super) fn desk(&self) -> MutexGuard<'_, JobStore> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn tokens(&self) -> MutexGuard<'_, Tokens> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn oci_sessions(&self) -> MutexGuard<'_, OciSessions> {
        self.oci_sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn indexes(&self) -> MutexGuard<'_, Indexes> {
        self.indexes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn kept_pages(&self) -> MutexGuard<'_, KeptPages> {
        self.kept_pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn resources(&self) -> Resources {
        Resources {
            history: self.history,
            seed: self.scenario.seed,
        }
    }

    /// The audit log of the tenancy.
    pub(super) fn tenancy_log(&self) -> TenancyLog {
        let scenario = &self.scenario;
        TenancyLog::new(
            self.history,
            scenario.seed,
            scenario.oci.api_calls,
            scenario.stored_late,
        )
    }

    /// The clock that signatures are held against: this machine's, whatever `now` says, for clients sign by theirs.
    pub(super) fn signing_clock(&self) -> Timestamp {
        let now = Timestamp::now();
        now.checked_add(jiff::SignedDuration::from_secs(self.scenario.oci.clock_skew))
            .unwrap_or(now)
    }

    /// A number that is another one every time.
    pub(super) fn turn(&self) -> u64 {
        self.turns.fetch_add(1, Ordering::Relaxed)
    }

    /// The simulator's clock.
    pub(super) fn clock(&self) -> Timestamp {
        let stands_at = *self.stands_at.lock().unwrap_or_else(PoisonError::into_inner);
        stands_at.unwrap_or_else(Timestamp::now)
    }

    /// Lets the simulator's clock stand at another time.
    pub(super) fn set_clock(&self, now: Timestamp) {
        *self.stands_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    /// The simulator's clock, in ms.
    pub(super) fn now(&self) -> i64 {
        self.clock().as_millisecond()
    }

    /// The first millisecond of the simulator's today.
    pub(super) fn today(&self) -> i64 {
        self.now().div_euclid(DAY) * DAY
    }

    pub(super) fn remember(&self, request: RecordedRequest) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() == SEEN {
            seen.pop_front();
        }
        seen.push_back(request);
    }

    pub(super) fn seen(&self) -> Vec<RecordedRequest> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .cloned()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_stands_where_it_was_set_last() {
        let [began, later] =
            ["2026-03-02T06:00:00Z", "2026-03-05T14:00:00Z"].map(|time| time.parse::<Timestamp>().unwrap());
        let scenario = Scenario {
            now: Some(began),
            ..Scenario::default()
        };
        let site = AppState::new(scenario, false);
        assert_eq!(site.clock(), began);
        site.set_clock(later);
        assert_eq!(site.clock(), later);
        assert_eq!(site.today(), later.as_millisecond().div_euclid(DAY) * DAY);
    }

    #[test]
    fn only_so_many_requests_are_remembered() {
        let site = AppState::new(Scenario::default(), false);
        for number in 0..SEEN + 5 {
            let path = number.to_string();
            site.remember(RecordedRequest {
                method: "GET".to_owned(),
                path,
                query: None,
                user: None,
                headers: Vec::new(),
            });
        }
        let seen = site.seen();
        assert_eq!((seen.len(), seen[0].path.as_str()), (SEEN, "5"));
    }
}
