//! A program that prints a secret, and has a limited time for it.

use std::io::{self, Read};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};

use base::secret_file;

/// The longest time that a program may take, unless told otherwise.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);

/// The longest time that a program takes to go after it was ended. One that runs as another user cannot be ended and is left behind.
const GOING: Duration = Duration::from_secs(1);

/// The pause between two looks at whether a program has ended: it doubles from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LAST_PAUSE: Duration = Duration::from_millis(50);

/// The reason why a program gave no secret, and what helps.
#[derive(Debug)]
pub(super) struct CommandFailure {
    /// The reason, with the program's name.
    pub(super) reason: String,
    /// The advice for whoever configured the command.
    pub(super) hint: String,
}

/// Runs the program and gives what it prints. It runs in `folder`: what a relative path leads to must not depend on where the user happens to
/// stand. Blocks, for `timeout` at most and a second: a program that takes longer is ended, and so is all that it
/// started and that stayed in its process group.
pub(super) fn run(argv: &[String], folder: &Path, timeout: Duration) -> Result<String, CommandFailure> {
    let (program, arguments) = argv
        .split_first()
        .ok_or_else(|| unfit("the command is empty".to_owned()))?;
    let about = |error: String| unfit(format!("{program}: {error}"));
    let folder = std::path::absolute(Path::new(".").join(folder))
        .map_err(|error| unfit(format!("{}: {error}", folder.display())))?;
    let path = match program.contains('/') {
        true => folder.join(program),
        false => program.into(),
    };
    let started = Instant::now();
    let mut child = Command::new(path)
        .args(arguments)
        .current_dir(&folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // Of its own, so that what it starts can be ended with it.
        .process_group(0)
        .spawn()
        .map_err(|error| about(error.to_string()))?;
    let mut limited = Limited {
        stdout: child.stdout.take(),
        started,
        timeout,
        over: false,
    };
    let printed = secret_file::limited_text(&mut limited);
    // A program that prints too much hears that nobody reads on.
    limited.stdout = None;
    let status = match limited.over {
        true => None,
        false => {
            ended(&mut child, timeout.saturating_sub(started.elapsed())).map_err(|error| about(error.to_string()))?
        }
    };
    match status {
        None => {
            end(&mut child);
            let seconds = timeout.as_secs_f64();
            Err(CommandFailure {
                reason: format!("{program}: it took longer than {seconds} s and was ended"),
                hint: format!(
                    "run the command by hand and see that it prints the secret, ends, and asks nothing; one that needs longer may \
                     have it: {{ command = […], timeout = \"{}s\" }}",
                    (6.0 * seconds).ceil()
                ),
            })
        }
        Some(status) if !status.success() => Err(about(status.to_string())),
        Some(_) => printed.map_err(unfit),
    }
}

fn unfit(reason: String) -> CommandFailure {
    CommandFailure {
        reason,
        hint: "run the command by hand and see that it prints the secret alone".to_owned(),
    }
}

/// The output of a program, until its time is over.
struct Limited {
    stdout: Option<ChildStdout>,
    started: Instant,
    timeout: Duration,
    /// The program's time was over before its output.
    over: bool,
}

impl Read for Limited {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(stdout) = &mut self.stdout else { return Ok(0) };
        let left = self.timeout.saturating_sub(self.started.elapsed());
        // None where it is more than the system can count.
        let left = Timespec::try_from(left).ok();
        if poll(&mut [PollFd::new(stdout, PollFlags::IN)], left.as_ref())? == 0 {
            self.over = true;
            return Err(io::ErrorKind::TimedOut.into());
        }
        stdout.read(buffer)
    }
}

/// The way the program ended; none where it has not within that time.
fn ended(child: &mut Child, within: Duration) -> io::Result<Option<ExitStatus>> {
    let started = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        let status = child.try_wait()?;
        let left = within.saturating_sub(started.elapsed());
        if status.is_some() || left.is_zero() {
            return Ok(status);
        }
        std::thread::sleep(pause.min(left));
        pause = pause.saturating_mul(2).min(LAST_PAUSE);
    }
}

/// Ends a program that nobody has waited for yet, so that its number, and that of its group, are still its own.
fn end(child: &mut Child) {
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    match ended(child, GOING) {
        Ok(Some(_)) => {}
        left => tracing::warn!("a command that printed no secret cannot be ended: {left:?}"),
    }
}
