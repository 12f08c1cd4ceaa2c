//! Plugin files of strangers, looked at with the real command.

use tests::stderr;

use super::desk;

fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [&[id][..], &leb(content.len()), content].concat()
}

/// A component of one module with one function: so many locals, some of them changed in each of so many loops.
fn locals_by_loops(locals: usize, loops: usize) -> Vec<u8> {
    let mut body = [&[1][..], &leb(locals), &[0x7f]].concat();
    for number in 0..loops {
        let local = leb(number * 4 % locals);
        body.extend(
            [
                &[0x03, 0x40, 0x20][..],
                &local,
                &[0x20, 0, 0x6a, 0x21],
                &local,
                &[0x20, 1, 0x0d, 0, 0x0b],
            ]
            .concat(),
        );
    }
    body.push(0x0b);
    let code = [&[1][..], &leb(body.len()), &body].concat();
    let module = [
        &b"\0asm\x01\0\0\0"[..],
        &section(1, &[1, 0x60, 0, 0]),
        &section(3, &[1, 0]),
        &section(10, &code),
    ]
    .concat();
    [&b"\0asm\x0d\0\x01\0"[..], &section(1, &module)].concat()
}

#[test]
fn a_file_that_would_keep_the_compiler_busy_ends_with_the_limit_that_it_went_over() {
    let desk = desk();
    let bytes = locals_by_loops(20_000, 5_000);
    assert!(bytes.len() < 100_000);
    desk.write("stranger.wasm", bytes);
    for (limits, said) in [
        ("compile-time = \"1s\"", "over the limit `compile-time`: 1000 ms"),
        (
            "compile-memory = 33554432",
            "over the limit `compile-memory`: 33554432 bytes",
        ),
    ] {
        desk.write("host.toml", format!("[limits]\n{limits}\n"));
        for command in ["inspect", "check"] {
            let output = desk.host(["plugin", command, "./stranger.wasm"]).output().unwrap();
            let told = format!("{}{}", stderr(&output), tests::stdout(&output));
            assert_eq!(output.status.code(), Some(6), "{told}");
            assert!(told.contains(said), "{told}");
        }
    }
    desk.write("host.toml", "[limits]\ncompile-time = \"500ms\"\n");
    let output = desk.host(["config", "check"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}

#[cfg(unix)]
#[test]
fn what_never_ends_is_no_plugin_file() {
    let desk = desk();
    std::os::unix::fs::symlink("/dev/zero", desk.path().join("zero.wasm")).unwrap();
    let output = desk.host(["plugin", "inspect", "./zero.wasm"]).output().unwrap();
    assert_eq!(output.status.code(), Some(6), "{}", stderr(&output));
    assert!(stderr(&output).contains("it is not a file"), "{}", stderr(&output));
}
