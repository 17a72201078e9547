//! The command line program: the only place that knows the process, its environment, its clock and
//! its terminal. Each command is a thin wrapper around the library.

mod args;
mod build;
mod environment;
mod exit;
mod list;
mod progress;
mod signals;

use args::{Cli, Command, Listed, Shown};
use clap::{CommandFactory, Parser};
use exit::Failure;
use std::io::Write;
use std::process::ExitCode;

/// Runs the command that `arguments` ask for.
pub fn run(arguments: impl Iterator<Item = std::ffi::OsString>) -> ExitCode {
    signals::install();
    exit::install_panic_message();
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to standard output and are no failure. A closed pipe is none either.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { exit::USAGE } else { 0 });
        }
    };
    match dispatch(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            progress::say(failure.render().trim_end());
            ExitCode::from(failure.exit_code())
        }
    }
}

fn dispatch(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        None => match &cli.build.0 {
            Some(args) => build::image(args, cli.talk),
            None => Err(Failure::Usage(
                "expected a command, or --board and --profile".to_owned(),
            )),
        },
        Some(Command::Lock(args)) => build::lock(&args, cli.talk),
        Some(Command::Plan(args)) => build::plan(&args, cli.talk),
        Some(Command::List {
            what: Listed::Boards,
            definitions,
            json,
        }) => list::boards(&definitions, json),
        Some(Command::List {
            what: Listed::Profiles,
            definitions,
            json,
        }) => list::profiles(&definitions, json),
        Some(Command::Show {
            what:
                Shown::Profile {
                    name,
                    definitions,
                    json,
                },
        }) => list::profile(&name, &definitions, json),
        Some(Command::Completions { shell }) => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "imgbuild", &mut text);
            print(&text)
        }
        Some(Command::Man) => {
            let mut text = Vec::new();
            let page = clap_mangen::Man::new(Cli::command());
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::error::ErrorKind> {
        let words = std::iter::once("imgbuild").chain(line.split_whitespace());
        Cli::try_parse_from(words).map_err(|error| error.kind())
    }

    #[test]
    fn commands_need_nothing_of_a_build() {
        for line in [
            "list boards",
            "show profile wifi-hotspot",
            "man",
            "plan -b rpi4 -p p --json",
        ] {
            let cli = parse(line).unwrap_or_else(|kind| panic!("{line}: {kind}"));
            assert!(cli.command.is_some() && cli.build.0.is_none(), "{line}");
        }
    }

    #[test]
    fn a_build_needs_board_and_profile() {
        let missing = clap::error::ErrorKind::MissingRequiredArgument;
        assert!(parse("-b rpi4 -p p -q").is_ok_and(|cli| cli.build.0.is_some()));
        assert_eq!(parse("-b rpi4").err(), Some(missing));
        assert_eq!(parse("-q").err(), Some(missing));
        assert_eq!(parse("plan --json").err(), Some(missing));
    }
}
