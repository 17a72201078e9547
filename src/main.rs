//! The command `imgbuild`.

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = imgbuild::sandbox::reenter(std::env::args_os()) {
        return code;
    }
    imgbuild::cli::run(std::env::args_os())
}
