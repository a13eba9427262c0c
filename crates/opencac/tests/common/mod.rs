//! Running the program.

use std::process::{Command, Output};

/// Runs the program with these arguments.
pub fn opencac(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_opencac")).args(arguments).output().expect("the program starts")
}

/// What it wrote, as text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
