//! The stable words of JSON errors that commands give, as `docs/errors.md` explains them. Those of requests and fetches stand
//! in [`remote::ERROR_CODES`] and [`fetch::ERROR_CODES`].

use crate::error::Exit;

/// A stable word of a command's error, with all exit codes that it comes with.
#[derive(Debug, Clone, Copy)]
pub struct CommandCode {
    /// The word.
    pub word: &'static str,
    /// The exits of the process.
    pub exits: &'static [Exit],
    /// The meaning, in one sentence.
    pub meaning: &'static str,
    /// The advice, in one sentence.
    pub advice: &'static str,
}

/// All words of commands' errors, those of the exit codes included, which stand where there is no finer one.
pub const ERROR_CODES: &[CommandCode] = &[
    CommandCode {
        word: "done",
        exits: &[Exit::Done],
        meaning: "Every event is delivered; only a summary says so.",
        advice: "Nothing.",
    },
    CommandCode {
        word: "internal",
        exits: &[Exit::Internal],
        meaning: "The program or this machine failed.",
        advice: "Look at the disk and the memory of this machine; else report it, with a recording.",
    },
    CommandCode {
        word: "usage",
        exits: &[Exit::Usage],
        meaning: "Arguments, configuration or state are such that somebody must change something; nothing was sent.",
        advice: "Change what the message names.",
    },
    CommandCode {
        word: "refused",
        exits: &[Exit::Refused],
        meaning: "Authentication or authorization failed.",
        advice: "Check the credential and the roles of its user.",
    },
    CommandCode {
        word: "unavailable",
        exits: &[Exit::Unavailable],
        meaning: "A server cannot be reached or cannot answer now.",
        advice: "Run again later.",
    },
    CommandCode {
        word: "remote-failed",
        exits: &[Exit::RemoteFailed],
        meaning: "The server's data are gone or cannot be used.",
        advice: "Run again; `host gaps` lists what is lost.",
    },
    CommandCode {
        word: "archive",
        exits: &[Exit::Usage, Exit::RemoteFailed],
        meaning: "A file of `host redeliver` is damaged, has changed, or is none that a sink wrote, or holds an event that this version would write differently.",
        advice: "Look at the file and the line that the message names; `--skip-unreadable` leaves them out.",
    },
    CommandCode {
        word: "plugin-failed",
        exits: &[Exit::PluginFailed],
        meaning: "A plugin cannot be built or loaded, does not fit, trapped, went over a limit, refused its parameters, or failed a check.",
        advice: "Fix the plugin, or raise the limit under `[limits]` that the hint names.",
    },
    CommandCode {
        word: "delivery-failed",
        exits: &[Exit::DeliveryFailed],
        meaning: "Some events are neither delivered nor kept as dead letters.",
        advice: "Fix the sink, or make room for dead letters; the next run delivers what waits.",
    },
    CommandCode {
        word: "partial",
        exits: &[Exit::Partial],
        meaning: "Delivered, but events are dead letters, rows were rejected under `--strict`, or a list with `--exit-code` is not empty.",
        advice: "`host dead-letter list` and `host rejected list` say why; `replay` of each delivers them.",
    },
    CommandCode {
        word: "busy",
        exits: &[Exit::Busy],
        meaning: "Another run of the same stream, or another replay, is active; nothing was done.",
        advice: "Wait for it; from cron there is nothing to act on.",
    },
    CommandCode {
        word: "interrupted",
        exits: &[Exit::Interrupted],
        meaning: "Ctrl-C ended the command.",
        advice: "Run again: it continues from there.",
    },
    CommandCode {
        word: "terminated",
        exits: &[Exit::Terminated],
        meaning: "SIGTERM ended the command.",
        advice: "Run again: it continues from there.",
    },
    CommandCode {
        word: "deadline",
        exits: &[Exit::Unavailable],
        meaning: "The run was not done by its `deadline`.",
        advice: "Run again, which continues with the windows in flight; or allow more time.",
    },
    CommandCode {
        word: "not-granted",
        exits: &[Exit::PluginFailed],
        meaning: "A plugin asked for a request that it is not granted; nothing was sent.",
        advice: "If it may, add the entry that the message names to `allow` under `[plugins.NAME]`.",
    },
    CommandCode {
        word: "ledger",
        exits: &[Exit::Internal, Exit::Usage],
        meaning: "The ledger cannot be opened or read (2), or not be written any more (1).",
        advice: "Check the file that the message names, its folder and the free space.",
    },
    CommandCode {
        word: "dead-letters",
        exits: &[Exit::Usage, Exit::DeliveryFailed],
        meaning: "The file of dead letters cannot be opened or read (2), or not be written after a replay has delivered (7).",
        advice: "Check `path` under `[dead-letters]`, and who may read it.",
    },
    CommandCode {
        word: "rejected-rows",
        exits: &[Exit::Internal, Exit::Usage, Exit::DeliveryFailed, Exit::Partial],
        meaning: "The file of rejected rows cannot be opened (2), not be written by a run (1) or after a replay has delivered (7), or had no room for some of them (8).",
        advice: "Make room with `host rejected replay` or `host rejected drop`, or by `rows` and `bytes` under `[rejected]`.",
    },
    CommandCode {
        word: "data-lost",
        exits: &[Exit::Partial],
        meaning: "A period is newly known to be lost, for all sinks or for one that was down: the server no longer keeps it. Said once.",
        advice: "Run more often than the server deletes, and set `retention` to what it keeps; `host gaps` lists it.",
    },
    CommandCode {
        word: "events-lost",
        exits: &[Exit::Partial],
        meaning: "A sink that is not required neither took events nor left them as dead letters.",
        advice: "Fix the sink, and ask for the period again with `--from`, `--to` and `--sink`.",
    },
    CommandCode {
        word: "spool-failed",
        exits: &[Exit::Internal],
        meaning: "A document could not be kept beside the ledger.",
        advice: "Make room there, and make it writable; the next run continues.",
    },
    CommandCode {
        word: "spool-full",
        exits: &[Exit::Internal, Exit::DeliveryFailed],
        meaning: "The documents that wait beside the ledger exceed `spool-bytes` under `[ledger]`; exit 7 where they wait for a sink.",
        advice: "Let sinks take the windows that `host ledger list` shows, give a sink up with `host streams drop`, or raise `spool-bytes`.",
    },
    CommandCode {
        word: "evidence-failed",
        exits: &[Exit::Usage, Exit::DeliveryFailed],
        meaning: "A document cannot be kept as evidence (7), so nothing of it is delivered; or the place of evidence cannot be used or read (2).",
        advice: "Make room and see who may write there; the next run asks for the period again.",
    },
    CommandCode {
        word: "evidence-altered",
        exits: &[Exit::Partial],
        meaning: "`host evidence verify` found evidence that is not as it was written.",
        advice: "Look at each finding; those that are `unfinished` the next run mends.",
    },
    CommandCode {
        word: "spool-age",
        exits: &[Exit::DeliveryFailed],
        meaning: "Windows wait for a sink longer than `spool-age` under `[ledger]` lets them, and nothing more is fetched.",
        advice: "Get the sink back, or give it up with the command that the hint names.",
    },
    CommandCode {
        word: "sink-behind",
        exits: &[Exit::DeliveryFailed],
        meaning: "Sinks have not got what others have: it waits for them, in order, and the next run delivers it first.",
        advice: "Get the sink back and run again, or give it up with the command that the hint names.",
    },
    CommandCode {
        word: "too-many-rejected",
        exits: &[Exit::RemoteFailed],
        meaning: "More rows of a document than `max-rejected` are not events; the document waits.",
        advice: "Update the plugin, or raise `max-rejected`.",
    },
];

/// The words in `code` of JSON lines that are not errors, each with what the line is.
pub const NOTICE_CODES: &[(&str, &str)] = &[
    ("closing", "The line that closes a run."),
    ("hint", "What to do, where nothing failed."),
    ("sign-in", "Where to sign in, and with which code, of `host login`."),
];

mod tests;
