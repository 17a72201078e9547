//! The command line program: the only place that knows the process, its environment, its clock and
//! its terminal. Each command is a thin wrapper around the library.

mod args;
mod bench;
mod build;
mod check;
mod environment;
mod exit;
mod failure;
mod heal;
mod list;
mod progress;
mod signals;
mod trial;

use args::{Cli, Command, Listed, Shown, Task};
use failure::Failure;
use std::io::Write;
use std::process::ExitCode;

/// Runs the command that `arguments` ask for.
pub fn run(arguments: impl Iterator<Item = std::ffi::OsString>) -> ExitCode {
    signals::install();
    exit::install_panic_message();
    let cli = match Cli::parse(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to standard output and are no failure. A closed pipe is none either.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { exit::USAGE } else { 0 });
        }
    };
    let done = dispatch(cli);
    signals::leave_to_signal();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            progress::say(failure.render().trim_end());
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

/// Writes data to standard output. A reader that left early is no failure.
fn print(text: impl AsRef<[u8]>) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_ref()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::Print(error)),
        _ => Ok(()),
    }
}
