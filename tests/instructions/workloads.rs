//! Every workload does all its work; that the program is built with the other tests is what `.ci/instructions` needs.

use std::process::Command;

#[test]
fn every_workload_has_all_its_events() {
    for workload in ["parse", "parse-json", "encode", "id"] {
        let output = Command::new(env!("CARGO_BIN_EXE_instructions"))
            .arg(workload)
            .output()
            .unwrap();
        assert!(output.status.success(), "{workload}: {output:?}");
        assert_eq!(output.stdout, b"10000\n", "{workload}");
    }
}
