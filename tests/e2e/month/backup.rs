//! A backup of some days before takes the place of the state in the middle of a month.

use tests::stdout;

use super::*;

/// The evening on which the backup is made, while a sink is down, and the last run that it does not know of.
const KEPT: u32 = 12;
const LAST: u32 = 16;

fn run(site: &mut SimulatedMonth, now: &str, exit: i32) {
    site.go_to(now);
    site.ends(exit, &["run", "logins"]);
}

/// The events that came again, each as often as once too much.
fn too_many(held: &[String], served: &[String]) -> usize {
    held.len() - served.len()
}

#[test]
fn a_backup_in_the_middle_of_a_month_loses_nothing_and_says_what_comes_again() {
    let mut site = SimulatedMonth::begin("2026-03-01T07:00:00Z");
    let (up, siem) = (Receiver::start(), Receiver::start());
    site.configure(&[
        &site.epm("epm"),
        &http("up", &up),
        &http("siem", &siem),
        &stream("logins", "user-login", "epm", ""),
        &route(Some("logins"), &["up", "siem"]),
    ]);
    for now in mornings(1..=KEPT - 2) {
        run(&mut site, &now, 0);
    }
    siem.set_down(true);
    for now in mornings(KEPT - 1..=KEPT) {
        run(&mut site, &now, 7);
    }

    // With events on the spool that wait for a sink.
    assert!(site.spooled().0 > 0);
    site.ends(0, &["state", "backup", "saved"]);
    site.ends(0, &["state", "verify", "saved"]);
    let kept = site.stream("logins");
    let before = [taken(&up).len(), taken(&siem).len()];
    siem.set_down(false);
    for now in mornings(KEPT + 1..=LAST) {
        run(&mut site, &now, 0);
    }

    let lost = [taken(&up).split_off(before[0]), taken(&siem).split_off(before[1])];
    assert!(lost.iter().all(|events| !events.is_empty()));

    // The backup takes the place of the state, which says beforehand what comes again of it.
    let foretold = site.ends(0, &["state", "restore", "saved", "--replace", "--dry-run"]);
    let restored = site.ends(0, &["state", "restore", "saved", "--replace"]);
    for said in [stdout(&foretold), stdout(&restored)] {
        let again = format!(
            "comes again: {} events to siem, {} events to up\n",
            lost[1].len(),
            lost[0].len()
        );
        assert!(said.contains("logins") && said.contains(&again), "{again}{said}");
    }
    let again = site.stream("logins");
    assert_eq!(
        (&again["watermark"], &again["sinks"]),
        (&kept["watermark"], &kept["sinks"])
    );
    assert!(site.spooled().0 > 0);
    site.ends(0, &["ledger", "check"]);
    site.ends(0, &["state", "verify"]);
    for now in mornings(LAST + 1..=31) {
        run(&mut site, &now, 0);
    }
    assert_eq!(site.spooled(), (0, 0));
    let served = site.served("user-login", "epm", ["2026-03-01", "2026-03-31"]);
    for (receiver, lost) in [&up, &siem].into_iter().zip(lost) {
        // What the state did not know of came again, under the same ids, and nothing else did.
        let held = taken(receiver);
        assert_eq!(twice(&held), sorted(lost.clone()));
        assert_eq!(too_many(&held, &served), lost.len());
        let mut held = sorted(held);
        held.dedup();
        assert_eq!(held, served, "nothing is lost");
    }
    site.no_dead_letters();
    site.ends(0, &["gaps", "--exit-code"]);
}
