//! The Invalid Login Report's CSV file to OCSF lines by a VRL program: `invalid-login-in-vrl IN.csv OUT.ndjson`.
//!
//! The way that suits VRL best: the program is compiled once, rows are read by the `csv` crate and not by `parse_csv`,
//! and the object is written straight to the file.

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};

use vrl::compiler::runtime::Runtime;
use vrl::compiler::state::RuntimeState;
use vrl::compiler::{TargetValue, TimeZone, compile};
use vrl::value::{KeyString, ObjectMap, Secrets, Value};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(input), Some(output)) = (arguments.next(), arguments.next()) else {
        return Err("usage: invalid-login-in-vrl IN.csv OUT.ndjson".into());
    };
    let compiled = compile(include_str!("mapping.vrl"), &vrl::stdlib::all())
        .map_err(|problems| format!("the mapping does not compile: {problems:?}"))?;
    let timezone = TimeZone::default();
    let mut runtime = Runtime::new(RuntimeState::default());
    let mut rows = csv::ReaderBuilder::new()
        .buffer_capacity(128 * 1024)
        .from_reader(File::open(input)?);
    let mut lines = BufWriter::with_capacity(128 * 1024, File::create(output)?);
    let names = ["user", "address", "time"].map(KeyString::from);
    let mut row = csv::ByteRecord::new();
    let mut events = 0_u64;
    while rows.read_byte_record(&mut row)? {
        let cells = names
            .iter()
            .zip(&row)
            .map(|(name, cell)| (name.clone(), Value::from(cell)));
        let mut target = TargetValue {
            value: Value::Object(cells.collect()),
            metadata: Value::Object(ObjectMap::new()),
            secrets: Secrets::default(),
        };
        runtime
            .resolve(&mut target, &compiled.program, &timezone)
            .map_err(|problem| format!("row {}: {problem:?}", events + 1))?;
        runtime.clear();
        serde_json::to_writer(&mut lines, &target.value)?;
        lines.write_all(b"\n")?;
        events += 1;
    }
    lines.flush()?;
    println!("{events}");
    Ok(())
}
