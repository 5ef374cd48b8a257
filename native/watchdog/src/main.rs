//! The process that stops and continues an instance: commands of `still::watchdog` on its input,
//! or, with the path of a state file, what that says is still to be set right.

use holdall_core::still::{record, serve, undo};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args_os().nth(1) {
        None => {
            serve::serve();
            ExitCode::SUCCESS
        }
        Some(file) => mend(&file),
    }
}

/// Prints `busy`, or `mended THAWED UNDONE FAILED...`.
fn mend(file: &OsStr) -> ExitCode {
    match record::mend(Path::new(OsStr::from_bytes(file.as_bytes()))) {
        Ok(None) => println!("busy"),
        Ok(Some(done)) => {
            let failed: Vec<String> = done.failed.iter().map(|f| undo::hex(f.as_bytes())).collect();
            println!("mended {} {} {}", done.thawed, done.undone, failed.join(","));
        }
        Err(error) => {
            println!("refused {}", undo::hex(error.to_string().as_bytes()));
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
