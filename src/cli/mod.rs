//! The command line program. Only this module uses the process, its environment, its clock and its terminal. A
//! command reads its arguments, calls the library, and prints.

mod apart;
mod args;
mod build;
mod cache;
mod check;
mod diff;
mod environment;
mod exit;
mod failure;
mod files;
mod inputs;
mod inspect;
mod list;
mod lock;
mod locks;
mod output;
mod panic;
mod plan;
mod progress;
mod release;
mod show;
mod signals;
mod target;
mod terminal;
mod test;
mod values;
mod verify;

use args::{Cli, Command, Listed, Shown, Task};
use failure::Failure;
use std::ffi::OsString;
use std::process::ExitCode;
use terminal::{PrintError, print, say, show};

/// Runs the command of the command line `arguments`.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    signals::install();
    panic::install();
    let cli = match Cli::parse(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            if error.use_stderr() {
                say(error.render().to_string().trim_end());
                return ExitCode::from(exit::USAGE);
            }
            // Help and version are data for standard output. A reader that closes the pipe early is not a failure.
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
    };
    let done = dispatch(cli);
    signals::leave_to_signal();
    match done {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            show(&failure.render());
            ExitCode::from(exit::code(&failure))
        }
    }
}

/// Checks whether the program accepts `arguments`, and runs nothing.
///
/// # Errors
/// The message that a person would see.
pub fn check_arguments(arguments: impl Iterator<Item = OsString>) -> Result<(), String> {
    let cli = match Cli::parse(arguments) {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => return Err(error.to_string()),
        Err(_) => return Ok(()),
    };
    let checked = target::check_secrets(cli.secrets());
    checked.map_err(|failure| failure.to_string())
}

/// Runs the command, and gives its exit code.
fn dispatch(cli: Cli) -> Result<u8, Failure> {
    let talk = cli.talk;
    let command = match cli.task {
        Task::Build(args) => return build::image(&args, talk).map(|()| exit::DONE),
        Task::Other(command) => command,
    };
    let done = match command {
        Command::Lock(args) => lock::lock(&args, talk),
        Command::Plan(args) => plan::plan(&args, talk),
        Command::Test(args) => test::test(&args, talk),
        Command::Release(args) => release::release(&args, talk),
        Command::Verify(args) => verify::verify(&args, talk),
        Command::Inspect(args) => inspect::inspect(&args, talk),
        Command::Diff(args) => return diff::diff(&args, talk),
        Command::Check {
            boards,
            definitions,
        } => check::boards(&boards, &definitions),
        Command::List {
            what,
            definitions,
            json,
        } => match what {
            Listed::Boards => list::boards(&definitions, json),
            Listed::Profiles => list::profiles(&definitions, json),
        },
        Command::Show { what } => match what {
            Shown::Profile {
                name,
                definitions,
                json,
            } => show::profile(&name, &definitions, json),
        },
        Command::Cache(args) => cache::cache(&args, talk),
        Command::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Cli::grammar(), "imgbuild", &mut text);
            Ok(print(&text)?)
        }
        Command::Man => {
            let mut text = Vec::new();
            let page = clap_mangen::Man::new(Cli::grammar());
            page.render(&mut text).map_err(PrintError::from)?;
            Ok(print(&text)?)
        }
    };
    done.map(|()| exit::DONE)
}
