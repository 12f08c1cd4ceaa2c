//! Bounds of what a run takes and keeps: beyond, it says which, and loses nothing.

use tests::{Receiver, Server, stderr};

use super::desk;
use super::ledger::{configure, expected, host, once, run};

const NOW: &str = "2026-03-05T22:00:00Z";

#[test]
fn a_spool_without_room_ends_the_run_and_the_next_one_delivers_everything() {
    for (setting, said, named) in [
        (
            "[ledger]\nspool-bytes = 10\n",
            "has no room for a document of",
            "raise `spool-bytes` under [ledger]",
        ),
        (
            "[fetch]\nspool-bytes = 10\n",
            "would exceed the limit of 10 bytes",
            "raise `spool-bytes` under [fetch]",
        ),
    ] {
        let (desk, receiver) = (desk(), Receiver::start());
        let server = Server::start(&format!("rows=60,plain-names,now={NOW}"));
        configure(&desk, &server, &receiver.url(), setting);
        let more = ["--now", NOW, "--sink", "siem"];
        let output = host(&desk, &[&["run", "invalid-login"][..], &more].concat());
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(said) && text.contains(named), "{text}");
        assert_eq!(receiver.received().len(), 0);

        configure(&desk, &server, &receiver.url(), "");
        run(&desk, "invalid-login", &more);
        let period = ["--from", "2026-03-05", "--now", NOW];
        assert_eq!(once(&receiver), expected(&desk, "invalid-login", &period));
    }
}
