//! Ctrl-C and SIGTERM, and the deadline of a run, which stops it as they do.
//!
//! The first signal asks: what is under way is finished, what is reached is kept. A second one ends the process at once,
//! and so does [`PATIENCE`], whatever still holds it. The signals are heard on a thread of their own, so that neither a
//! guest that never returns nor a disk that hangs can keep them from being heard.
//!
//! One thing is carried to its end whatever comes: the exchange of a token that is good once ([`redeemed`]).

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::args::OutputOptions;
use crate::error::CliError;
use crate::error::Exit;
use crate::error::note;
use remote::Redemptions;

/// The longest time that the process may take to end after the first signal.
const PATIENCE: Duration = Duration::from_secs(4);
/// After so long it is said that it takes a moment.
const SILENCE: Duration = Duration::from_millis(300);
/// The longest time that the last words may take: whoever reads stderr may be what hangs.
const LAST_WORDS: Duration = Duration::from_millis(300);
/// The longest time that the exchange of a token may hold the process.
const REDEMPTION: Duration = Duration::from_secs(60);
/// `SIGXFSZ`: a file would have become larger than the process may write.
const FILE_SIZE: i32 = 25;

/// The work before the process ends at once, knowing how it exits.
type Last = Box<dyn FnOnce(Exit) + Send>;

/// Set where a signal ends the process at once.
static ENDING: AtomicBool = AtomicBool::new(false);

/// Leaves the end of the process to the signal that is ending it. What it waits for may be just what the command waited for,
/// and which of the two goes on first must not decide how the process exits.
pub fn yield_to_signal() {
    while ENDING.load(Ordering::SeqCst) {
        std::thread::park();
    }
}

/// Cancelled by the first signal; a second one ends the process at once.
#[derive(Clone)]
pub struct Shutdown {
    /// Cancelled when the process shall stop.
    pub token: CancellationToken,
    code: Arc<AtomicU8>,
    /// The fate of the work under way, as it is told where that is cut short.
    held: Arc<Mutex<Option<&'static str>>>,
    /// The work before the process ends at once, what was asked for last first.
    last: Arc<Mutex<Vec<Last>>>,
    /// The instant at which the patience is over, and how long that is.
    deadline: watch::Sender<Option<(Instant, Duration)>>,
}

impl Shutdown {
    /// Starts to listen. Until there is something to [finish](Shutdown::set_resume_hint), a signal ends the process at once.
    pub fn listen(talk: &OutputOptions) -> Result<Shutdown, CliError> {
        let stop = Shutdown {
            token: CancellationToken::new(),
            code: Arc::new(AtomicU8::new(Exit::Interrupted.code())),
            held: Arc::default(),
            last: Arc::default(),
            deadline: watch::Sender::default(),
        };
        let failed = |error: io::Error| CliError::new(Exit::Internal, format!("cannot listen for signals: {error}"));
        let (hand_over, taken) = mpsc::channel::<(Runtime, Signals)>();
        let (listening, talk) = (stop.clone(), talk.clone());
        let thread = std::thread::Builder::new().name("signals".into());
        let started = thread.spawn(move || {
            if let Ok((runtime, signals)) = taken.recv() {
                runtime.block_on(listening.watch(&talk, signals));
            }
        });
        started.map_err(failed)?;
        // Once this is through they are heard, however long the thread takes to start.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(failed)?;
        let signals = {
            let _inside = runtime.enter();
            Signals::listen()
        };
        match signals {
            Ok(signals) => drop(hand_over.send((runtime, signals))),
            Err(error) => {
                // It would wait, which is forbidden where another one runs.
                runtime.shutdown_background();
                return Err(failed(error));
            }
        }
        Ok(stop)
    }

    /// From now on there is something to finish; `kept` says what becomes of it where that is cut short.
    pub fn set_resume_hint(&self, kept: &'static str) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
    }

    /// Stops the process after so long from now, as a signal would.
    pub fn end_after(&self, time: Duration) {
        // What no clock reaches is no limit.
        let at = Instant::now().checked_add(time).map(|at| (at, time));
        self.deadline.send_replace(at);
    }

    /// Has this done too where a signal ends the process at once, if it takes no longer than a moment.
    pub fn at_last(&self, last: impl FnOnce(Exit) + Send + 'static) {
        let mut all = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(Box::new(last));
    }

    /// The exit that a signal or the deadline asks for, where one came.
    pub fn asked(&self) -> Option<Exit> {
        self.token.is_cancelled().then(|| self.exit())
    }

    /// The end of a command that a signal cut short.
    pub fn failure(&self) -> CliError {
        let exit = self.exit();
        let failure = match (exit, *self.deadline.borrow()) {
            (Exit::Unavailable, Some((_, time))) => CliError {
                code: "deadline",
                ..CliError::new(exit, format!("not done by the deadline of {} s", time.as_secs_f64()))
            },
            _ => CliError::new(exit, exit.word()),
        };
        match *self.held.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(kept) => failure.hint(kept),
            None => failure,
        }
    }

    /// The exit that belongs to what came.
    fn exit(&self) -> Exit {
        let code = self.code.load(Ordering::Relaxed);
        let known = [Exit::Terminated, Exit::Unavailable];
        known
            .into_iter()
            .find(|exit| exit.code() == code)
            .unwrap_or(Exit::Interrupted)
    }

    /// A signal, or the deadline.
    async fn first(&self, signals: &mut Signals) -> Exit {
        let mut deadline = self.deadline.subscribe();
        loop {
            let at = deadline.borrow_and_update().map(|(at, _)| at);
            let over = async {
                match at {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                exit = signals.next() => return exit,
                () = over => return Exit::Unavailable,
                // The sender is this, so it is there.
                _ = deadline.changed() => {}
            }
        }
    }

    async fn watch(self, talk: &OutputOptions, mut signals: Signals) {
        let end = |exit| self.end(exit, talk);
        let first = self.first(&mut signals).await;
        self.code.store(first.code(), Ordering::Relaxed);
        self.token.cancel();
        let end_by = Instant::now() + PATIENCE;
        if self.held.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
            end(first);
        }
        tokio::select! {
            second = signals.next() => end(second),
            () = sleep(SILENCE) => {
                let talk = talk.clone();
                aside(move || note("Stopping, saving progress… (press Ctrl-C again to stop immediately)", &talk));
            }
        }
        tokio::select! {
            second = signals.next() => end(second),
            () = sleep_until(end_by) => {
                redeemed(talk);
                let (failure, format) = (self.failure(), talk.log_format);
                let _ = aside(move || failure.print(format)).recv_timeout(LAST_WORDS);
                end(first);
            }
        }
    }

    fn end(&self, exit: Exit, talk: &OutputOptions) -> ! {
        ENDING.store(true, Ordering::SeqCst);
        redeemed(talk);
        let last = std::mem::take(&mut *self.last.lock().unwrap_or_else(PoisonError::into_inner));
        if !last.is_empty() {
            let all = move || last.into_iter().rev().for_each(|last| last(exit));
            let _ = aside(all).recv_timeout(LAST_WORDS);
        }
        end(exit)
    }
}

/// Waits until no token is being exchanged that is good once: the server has given the old one up by then, and the new one would be
/// lost with its answer. From here on no other exchange begins.
pub fn redeemed(talk: &OutputOptions) {
    Redemptions::refuse();
    if Redemptions::wait(SILENCE) {
        return;
    }
    let say = |text: String| {
        let talk = talk.clone();
        drop(aside(move || note(&text, &talk)));
    };
    let most = REDEMPTION.as_secs();
    say(format!(
        "Exchanging a single-use token: waiting up to {most} s for the answer, because stopping now would lose the sign-in…"
    ));
    if !Redemptions::wait(REDEMPTION) {
        say("No answer came. If the next run is refused, sign in again with `host login`.".into());
    }
}

/// The two signals that end a run.
struct Signals {
    interrupts: Signal,
    terminations: Signal,
}

impl Signals {
    fn listen() -> io::Result<Signals> {
        Ok(Signals {
            interrupts: signal(SignalKind::interrupt())?,
            terminations: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> Exit {
        tokio::select! {
            _ = self.interrupts.recv() => Exit::Interrupted,
            _ = self.terminations.recv() => Exit::Terminated,
        }
    }
}

/// Runs `say` on a thread of its own, where that may take for ever.
fn aside(say: impl FnOnce() + Send + 'static) -> mpsc::Receiver<()> {
    let (said, done) = mpsc::channel();
    // Without a thread there is nothing to be said.
    let _ = std::thread::Builder::new().spawn(move || {
        say();
        let _ = said.send(());
    });
    done
}

/// The terminal as it was before a secret was asked for.
static ASKING: Mutex<Option<(File, Termios)>> = Mutex::new(None);

/// Asks for a secret. A signal meanwhile leaves the terminal as it was.
pub fn asking<T>(ask: impl FnOnce() -> T) -> T {
    let asking = || ASKING.lock().unwrap_or_else(PoisonError::into_inner);
    *asking() = File::open("/dev/tty")
        .ok()
        .and_then(|terminal| tcgetattr(&terminal).ok().map(|state| (terminal, state)));
    let answer = ask();
    *asking() = None;
    answer
}

/// Ends the process at once: everything that counts is on disk already.
fn end(exit: Exit) -> ! {
    let asking = ASKING.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some((terminal, state)) = asking {
        let _ = tcsetattr(&terminal, OptionalActions::Now, &state);
    }
    std::process::exit(i32::from(exit.code()))
}

/// Makes a write beyond the limit on file sizes an error like that of a full disk; otherwise it ends the process. Must be
/// called inside the runtime.
pub fn outlive_file_size_limit() {
    // Where it cannot be listened for, it does what it always did.
    let _ = signal(SignalKind::from_raw(FILE_SIZE));
}
