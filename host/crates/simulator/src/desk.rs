//! The state that the environment keeps between requests: jobs and files. Files hold no bytes, only what to write them from.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use super::scenario::ArchiveStyle;

/// The report that is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReportKind {
    InvalidLogin,
    UserLogin,
    UserAudit,
    RoleAudit,
    GroupAudit,
}

/// A report over a period, from which its bytes can be written as often as asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ReportTable {
    pub(super) report: ReportKind,
    /// From this time, in ms, up to but without `to`.
    pub(super) from: i64,
    pub(super) to: i64,
    /// The one user that it is about, in lower case; none for all.
    pub(super) user: Option<String>,
    /// The archive that the CSV file comes in, and its name in there.
    pub(super) archive: Option<(ArchiveStyle, String)>,
}

/// A file in the environment's inbox or default location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct File {
    /// The name without any folder.
    pub(super) name: String,
    pub(super) inbox: bool,
    /// Milliseconds since 1970-01-01.
    pub(super) written: i64,
    pub(super) table: ReportTable,
}

/// A job that was created and perhaps has not been seen to end.
#[derive(Clone, Debug)]
pub(super) struct StoredJob {
    /// The number of times that the job still answers that it is in progress.
    pub(super) polls_left: u64,
    /// Before then it answers so however often it is asked.
    pub(super) until: Option<Instant>,
    pub(super) work: JobWork,
    /// True once the job's file is in its place, or was.
    pub(super) stored: bool,
}

impl StoredJob {
    /// A job that was just created.
    pub(super) fn new(polls_left: u64, work: JobWork) -> Self {
        Self {
            polls_left,
            until: None,
            work,
            stored: false,
        }
    }

    /// One whose polls count only after so long.
    pub(super) fn taking(self, time: Duration) -> Self {
        Self {
            until: (!time.is_zero()).then(|| Instant::now() + time),
            ..self
        }
    }

    fn is_early(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() < until)
    }
}

/// The work of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum JobWork {
    /// Writing this file.
    Write(File),
    /// Making this file ready to be downloaded; none where there is no such file.
    Offer(Option<File>),
}

/// The progress of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum JobProgress {
    Unknown,
    InProgress,
    Done(JobWork),
}

/// The jobs and files of one simulator.
#[derive(Debug, Default)]
pub(super) struct JobStore {
    jobs: HashMap<String, StoredJob>,
    files: BTreeMap<String, File>,
    created: u64,
    /// Of the jobs, those that write a report.
    reports: u64,
}

impl JobStore {
    /// Takes a job on and answers with its id: 16 digits, like the vendor's.
    pub(super) fn submit(&mut self, job: StoredJob) -> String {
        self.created += 1;
        if matches!(job.work, JobWork::Write(_)) {
            self.reports += 1;
        }
        let id = (7_234_359_469_022_000 + self.created).to_string();
        self.jobs.insert(id.clone(), job);
        id
    }

    /// The number of jobs that were created and write a report.
    pub(super) fn reports(&self) -> u64 {
        self.reports
    }

    /// A job that is done at once leaves its file.
    pub(super) fn write_at_once(&mut self, file: File) {
        self.reports += 1;
        self.store(file);
    }

    /// Time passes: jobs get on whether anybody asks for them or not, as by one poll each. Those that are done leave their
    /// files, unless they `fail`.
    pub(super) fn pass(&mut self, fail: bool) {
        let mut done = Vec::new();
        for (id, job) in &mut self.jobs {
            match job.polls_left.checked_sub(1) {
                _ if !matches!(job.work, JobWork::Write(_)) || job.is_early() => {}
                Some(left) => job.polls_left = left,
                None if !fail => done.push(id.clone()),
                None => {}
            }
        }
        for id in done {
            self.complete(&id);
        }
    }

    /// A finished job's file is put in its place, the first time.
    pub(super) fn complete(&mut self, id: &str) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        if let JobWork::Write(file) = &job.work
            && !std::mem::replace(&mut job.stored, true)
        {
            let file = file.clone();
            self.store(file);
        }
    }

    /// The state of a job; asking moves it on by one poll once its time is over.
    pub(super) fn poll(&mut self, id: &str) -> JobProgress {
        let Some(job) = self.jobs.get_mut(id) else {
            return JobProgress::Unknown;
        };
        if job.is_early() {
            return JobProgress::InProgress;
        }
        if let Some(left) = job.polls_left.checked_sub(1) {
            job.polls_left = left;
            return JobProgress::InProgress;
        }
        JobProgress::Done(job.work.clone())
    }

    /// The file that a finished download job offers.
    pub(super) fn offered(&self, id: &str) -> Option<File> {
        match self.jobs.get(id) {
            Some(StoredJob {
                polls_left: 0,
                work: JobWork::Offer(file),
                ..
            }) => file.clone(),
            _ => None,
        }
    }

    /// Ends a download job's offer; answers whether there was one.
    pub(super) fn withdraw(&mut self, id: &str) -> bool {
        let offer = matches!(
            self.jobs.get(id),
            Some(StoredJob {
                work: JobWork::Offer(Some(_)),
                ..
            })
        );
        offer && self.jobs.remove(id).is_some()
    }

    /// Puts a file where it belongs; one of the same name is replaced.
    pub(super) fn store(&mut self, file: File) {
        self.files.insert(file.name.clone(), file);
    }

    /// True where there is a file of this name in any folder.
    pub(super) fn holds(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }

    /// The file that a path means. `inbox/NAME` and `inbox\NAME` are one in the inbox; `strict` wants that spelling for it.
    pub(super) fn find(&self, path: &str, strict: bool) -> Option<&File> {
        let in_inbox = path.strip_prefix("inbox/").or_else(|| path.strip_prefix("inbox\\"));
        let file = self.files.get(in_inbox.unwrap_or(path))?;
        let fits = match in_inbox {
            Some(_) => file.inbox,
            None => !(strict && file.inbox),
        };
        fits.then_some(file)
    }

    /// Takes the file that a path means away.
    pub(super) fn remove(&mut self, path: &str, strict: bool) -> Option<File> {
        let name = self.find(path, strict)?.name.clone();
        self.files.remove(&name)
    }

    /// Every file, by name.
    pub(super) fn files(&self) -> impl Iterator<Item = &File> {
        self.files.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, inbox: bool) -> File {
        File {
            name: name.to_owned(),
            inbox,
            written: 0,
            table: ReportTable {
                report: ReportKind::InvalidLogin,
                from: 0,
                to: 1,
                user: None,
                archive: None,
            },
        }
    }

    #[test]
    fn a_job_is_done_after_its_polls() {
        let mut desk = JobStore::default();
        let id = desk.submit(StoredJob::new(2, JobWork::Write(file("a.csv", false))));
        assert_eq!(id.len(), 16);
        assert_eq!(
            [desk.poll(&id), desk.poll(&id)],
            [JobProgress::InProgress, JobProgress::InProgress]
        );
        assert_eq!(desk.poll(&id), JobProgress::Done(JobWork::Write(file("a.csv", false))));
        assert_eq!(desk.poll("7"), JobProgress::Unknown);
    }

    #[test]
    fn a_job_that_takes_time_is_in_progress_until_then_however_often_it_is_asked() {
        let mut desk = JobStore::default();
        let job = |polls| StoredJob::new(polls, JobWork::Write(file("a.csv", false)));
        let id = desk.submit(job(0).taking(Duration::from_secs(3600)));
        desk.pass(false);
        assert!((0..9).all(|_| desk.poll(&id) == JobProgress::InProgress));
        assert!(!desk.holds("a.csv"));
        let id = desk.submit(job(1).taking(Duration::from_nanos(1)));
        while desk.jobs.get(&id).is_some_and(|job| job.is_early()) {}
        assert_eq!(desk.poll(&id), JobProgress::InProgress);
        assert_eq!(desk.poll(&id), JobProgress::Done(JobWork::Write(file("a.csv", false))));
    }

    #[test]
    fn a_job_goes_on_while_nobody_asks_and_leaves_its_file_once() {
        for fail in [false, true] {
            let mut desk = JobStore::default();
            let id = desk.submit(StoredJob::new(2, JobWork::Write(file("a.csv", false))));
            desk.pass(fail);
            desk.pass(fail);
            assert!(!desk.holds("a.csv"));
            desk.pass(fail);
            assert_eq!(desk.holds("a.csv"), !fail);
            assert_eq!(desk.poll(&id), JobProgress::Done(JobWork::Write(file("a.csv", false))));
            desk.remove("a.csv", false);
            desk.pass(fail);
            assert!(!desk.holds("a.csv"), "it was deleted");
            assert_eq!(desk.reports(), 1);
        }
    }

    #[test]
    fn an_offer_stands_until_it_is_withdrawn() {
        let mut desk = JobStore::default();
        let id = desk.submit(StoredJob::new(1, JobWork::Offer(Some(file("a.csv", true)))));
        assert_eq!(desk.offered(&id), None, "not ready");
        desk.poll(&id);
        assert_eq!(desk.offered(&id), Some(file("a.csv", true)));
        assert_eq!([desk.withdraw(&id), desk.withdraw(&id)], [true, false]);
        assert_eq!(desk.offered(&id), None);
    }

    #[test]
    fn a_file_is_found_under_the_names_of_its_folder() {
        let mut desk = JobStore::default();
        desk.store(file("in.csv", true));
        desk.store(file("out.csv", false));
        for (path, strict, found) in [
            ("in.csv", false, true),
            ("in.csv", true, false),
            ("inbox/in.csv", true, true),
            ("inbox\\in.csv", true, true),
            ("out.csv", true, true),
            ("inbox/out.csv", false, false),
            ("../out.csv", false, false),
        ] {
            assert_eq!(desk.find(path, strict).is_some(), found, "{path} {strict}");
        }
    }
}
