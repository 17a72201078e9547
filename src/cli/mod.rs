//! The command line program: the only place that knows the process, its environment, its clock and
//! its terminal. Each command is a thin wrapper around the library.

mod args;
mod bench;
mod build;
mod check;
mod environment;
mod exit;
mod failure;
mod given;
mod heal;
mod list;
mod near_lock;
mod progress;
mod signals;
mod trial;

use crate::diag::{visible, visible_json};
use args::{Cli, Command, Listed, Shown, Task};
use failure::Failure;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

/// Runs the command that `arguments` ask for.
pub fn run(arguments: impl Iterator<Item = std::ffi::OsString>) -> ExitCode {
    signals::install();
    exit::install_panic_message();
    let cli = match Cli::parse(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            if error.use_stderr() {
                progress::say(error.render().to_string().trim_end());
                return ExitCode::from(exit::USAGE);
            }
            // Help and version go to standard output and are no failure. A closed pipe is none either.
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
    };
    let done = dispatch(cli);
    signals::leave_to_signal();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            progress::show(&failure.render());
            ExitCode::from(failure.exit_code())
        }
    }
}

fn dispatch(cli: Cli) -> Result<(), Failure> {
    let command = match cli.task {
        Task::Build(args) => return build::image(&args, cli.talk),
        Task::Other(command) => command,
    };
    match command {
        Command::Lock(args) => build::lock(&args, cli.talk),
        Command::Plan(args) => build::plan(&args, cli.talk),
        Command::Test(args) => trial::test(&args, cli.talk),
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
            } => list::profile(&name, &definitions, json),
        },
        Command::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Cli::grammar(), "imgbuild", &mut text);
            print(&text)
        }
        Command::Man => {
            let mut text = Vec::new();
            let page = clap_mangen::Man::new(Cli::grammar());
            page.render(&mut text).map_err(Failure::Print)?;
            print(&text)
        }
    }
}

/// Writes text for a person to standard output, with its control characters made visible.
fn print_text(text: &str) -> Result<(), Failure> {
    print(visible(text).as_bytes())
}

/// Writes a line of JSON to standard output, with its control characters as escapes.
fn print_json(value: &serde_json::Value) -> Result<(), Failure> {
    print(format!("{}\n", visible_json(&value.to_string())))
}

/// Writes the path of what was made to standard output: to a program as it is, since it is to be used.
fn print_path(path: &Path) -> Result<(), Failure> {
    if std::io::stdout().is_terminal() {
        return print_text(&format!("{}\n", path.display()));
    }
    print([path.as_os_str().as_encoded_bytes(), b"\n"].concat())
}

/// Writes data to standard output as it is. A reader that left early is no failure.
fn print(text: impl AsRef<[u8]>) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_ref()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::Print(error)),
        _ => Ok(()),
    }
}
