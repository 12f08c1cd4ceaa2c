//! The line on the terminal that shows a run is alive: first the job, then the rows.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio_util::sync::CancellationToken;

use crate::args::{OutputOptions, When};
use crate::render::screen;
use base::counted::counted;
use base::visible;
use run::{RunObserver, SinkProgress};

/// A spinner on stderr, or nothing where stderr is no terminal or messages would tear it.
pub struct ProgressLine {
    talk: OutputOptions,
    bar: ProgressBar,
    job: Mutex<Option<String>>,
    /// Windows in flight.
    windows: AtomicUsize,
    /// Polls of all jobs.
    polls: AtomicU64,
    /// Cancelled once the server has answered: it accepted the credentials.
    answered: CancellationToken,
}

impl ProgressLine {
    /// The line, which tells by a token when the server has accepted the credentials.
    pub fn telling(mut self, answered: CancellationToken) -> ProgressLine {
        self.answered = answered;
        self
    }

    /// Starts the line.
    pub fn start(talk: &OutputOptions, what: &str) -> ProgressLine {
        let shown = talk.progress == When::Auto && !talk.quiet && talk.verbose == 0 && std::io::stderr().is_terminal();
        let bar = if shown {
            ProgressBar::new_spinner()
        } else {
            ProgressBar::hidden()
        };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}: {wide_msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.set_prefix(what.to_string());
        bar.set_message("requesting the report");
        // It takes a thread, which nobody would see at work.
        if shown {
            screen::show(&bar);
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        ProgressLine {
            talk: talk.clone(),
            bar,
            job: Mutex::new(None),
            windows: AtomicUsize::new(0),
            polls: AtomicU64::new(0),
            answered: CancellationToken::new(),
        }
    }

    /// Takes the line away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
        screen::forget();
    }
}

/// However a run ends, its line goes.
impl Drop for ProgressLine {
    fn drop(&mut self) {
        if !self.bar.is_finished() {
            self.finish();
        }
    }
}

impl fetch::FetchProgress for ProgressLine {
    fn submitted(&self, link: &str) {
        self.answered.cancel();
        // The link ends with the job's id.
        let id = link.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let id = id.escape_debug().to_string();
        self.bar.set_message(format!("job {id} submitted"));
        if let Ok(mut current) = self.job.lock() {
            *current = Some(id);
        }
    }

    fn searching(&self, file: &str, longest: Duration) {
        let text = format!(
            "An earlier run may have started this report without seeing the reply. Waiting up to {} for its file {file} \
             before asking again.",
            indicatif::HumanDuration(longest)
        );
        crate::error::note(&text, &self.talk);
        self.bar.set_message(visible::line(&format!("looking for {file}")));
    }

    fn polled(&self, polls: u64) {
        self.answered.cancel();
        let all = self.polls.fetch_add(1, Ordering::Relaxed) + 1;
        let times = |count| counted(count, "time", "times");
        let windows = self.windows.load(Ordering::Relaxed);
        if windows > 1 {
            self.bar.set_message(format!(
                "the server is preparing {windows} reports (checked {})",
                times(all)
            ));
            return;
        }
        let job = self.job.lock().ok().and_then(|job| job.clone());
        // A job that an earlier run submitted was named when it was taken up.
        let job = job.map_or("the job".to_owned(), |job| format!("job {job}"));
        self.bar.set_message(format!(
            "the server is preparing the report ({job}, checked {})",
            times(polls)
        ));
    }

    fn received(&self, bytes: u64, total: Option<u64>) {
        self.answered.cancel();
        let of = total
            .map(|total| format!(" of {}", indicatif::HumanBytes(total)))
            .unwrap_or_default();
        self.bar
            .set_message(format!("{} received{of}", indicatif::HumanBytes(bytes)));
    }

    fn records(&self, records: u64, total: Option<u64>) {
        self.answered.cancel();
        let of = total.map(|_| format!("{} of ", indicatif::HumanCount(records)));
        let all = indicatif::HumanCount(total.unwrap_or(records));
        self.bar.set_message(format!(
            "{}{}",
            of.unwrap_or_default(),
            counted(all, "record received", "records received")
        ));
    }

    fn warned(&self, message: &str) {
        tracing::warn!("{message}");
    }
}

impl RunObserver for ProgressLine {
    fn parsed(&self, events: u64, rejected: u64) {
        let rejected = if rejected > 0 {
            format!(", {}", counted(rejected, "row rejected", "rows rejected"))
        } else {
            String::new()
        };
        let events = counted(indicatif::HumanCount(events), "event", "events");
        self.bar.set_message(events + &rejected);
    }

    fn delivering(&self, sinks: &[SinkProgress]) {
        let each = sinks.iter().map(|sink| {
            let (settled, routed) = (indicatif::HumanCount(sink.settled), indicatif::HumanCount(sink.routed));
            format!("{} {settled}/{routed}", visible::line(&sink.name))
        });
        let each: Vec<String> = each.collect();
        self.bar.set_message(format!("delivered: {}", each.join(", ")));
    }

    fn under_way(&self, windows: usize) {
        self.windows.store(windows, Ordering::Relaxed);
    }

    fn windows(&self, done: usize, of: usize, elapsed: Duration) {
        if of < 2 {
            return;
        }
        let left = match (u32::try_from(done), u32::try_from(of.saturating_sub(done))) {
            (Ok(done), Ok(left)) if done > 0 && left > 0 => {
                let estimate = (elapsed / done).saturating_mul(left);
                match estimate.as_secs() {
                    0 => ", almost done".to_owned(),
                    _ => format!(", about {} left", indicatif::HumanDuration(estimate)),
                }
            }
            _ => String::new(),
        };
        let text = format!("{done} of {of} periods done{left}");
        crate::error::note(&text, &self.talk);
    }

    fn resuming(&self, what: &str) {
        crate::error::note(what, &self.talk);
    }
}
