//! Jobs that are waited for at once: when each is asked, so that a server is not asked by all of them in the same second.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Between two polls, on average, however many jobs are waited for: until their number fills the longest wait.
const APART: Duration = Duration::from_millis(4);

/// The jobs that are waited for over one connection.
#[derive(Debug, Default)]
pub(crate) struct PollPacer(AtomicUsize);

/// One of them, until it is dropped.
#[derive(Debug)]
pub(crate) struct PollSlot<'a> {
    pacer: &'a PollPacer,
    /// The number of jobs that there were when this one came.
    before: usize,
}

impl PollPacer {
    /// One more.
    pub(crate) fn join(&self) -> PollSlot<'_> {
        PollSlot {
            pacer: self,
            before: self.0.fetch_add(1, Ordering::Relaxed),
        }
    }
}

impl Drop for PollSlot<'_> {
    fn drop(&mut self) {
        self.pacer.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl PollSlot<'_> {
    /// The delay after the moment when a job could be asked first: those that come at the same time are asked one after
    /// another, the first one at once.
    pub(crate) fn stagger(&self, longest: Duration) -> Duration {
        stagger(self.before, longest)
    }

    /// The wait before another poll, where it would be `wait` for a job that is alone.
    pub(crate) fn paced(&self, wait: Duration, longest: Duration) -> Duration {
        paced(wait, self.pacer.0.load(Ordering::Relaxed), longest)
    }
}

fn stagger(before: usize, longest: Duration) -> Duration {
    let (apart, longest) = (APART.as_millis(), longest.as_millis().max(1));
    let millis = (before as u128).saturating_mul(apart) % longest;
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

fn paced(wait: Duration, jobs: usize, longest: Duration) -> Duration {
    let all = APART.saturating_mul(u32::try_from(jobs).unwrap_or(u32::MAX));
    wait.max(all.min(longest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Duration = Duration::from_secs(20);

    /// The number of jobs, of so many, that are asked in each second.
    fn per_second(jobs: usize) -> Vec<usize> {
        let mut seconds = vec![0; 20];
        for before in 0..jobs {
            seconds[usize::try_from(stagger(before, LONGEST).as_secs()).unwrap()] += 1;
        }
        seconds
    }

    #[test]
    fn jobs_that_come_at_the_same_time_are_asked_evenly_over_the_longest_wait() {
        assert_eq!(per_second(5000), [250; 20]);
        assert_eq!(per_second(20_000), [1000; 20]);
        // Fewer do not wait longer than they must.
        assert_eq!(per_second(500)[..3], [250, 250, 0]);
        assert_eq!(stagger(0, LONGEST), Duration::ZERO);
        assert!((0..100_000).all(|before| stagger(before, Duration::from_millis(2)) < Duration::from_millis(2)));
        assert_eq!(stagger(7, Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn the_more_jobs_there_are_the_less_often_each_is_asked() {
        let first = Duration::from_millis(500);
        assert_eq!(paced(first, 1, LONGEST), first);
        assert_eq!(paced(first, 100, LONGEST), first);
        assert_eq!(paced(first, 1000, LONGEST), Duration::from_secs(4));
        assert_eq!(paced(first, 1_000_000, LONGEST), LONGEST);
        assert_eq!(paced(LONGEST, 1000, LONGEST), LONGEST);
    }

    #[test]
    fn whoever_is_done_makes_room() {
        let pacer = PollPacer::default();
        let (first, second) = (pacer.join(), pacer.join());
        assert_eq!((first.before, second.before), (0, 1));
        drop(first);
        drop(second);
        assert_eq!(pacer.join().before, 0);
    }
}
