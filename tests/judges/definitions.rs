//! Judges of definitions.

use imgbuild::define::Definitions;
use imgbuild::spec::{UserSettings, check};

#[test]
fn shipped_profiles_build_on_shipped_boards_with_no_setting() {
    let definitions = Definitions::find(&[]);
    for board in definitions.boards().unwrap() {
        for profile in definitions.profiles().unwrap() {
            let spec = check(&definitions, &board, &profile, &UserSettings::default());
            if let Err(diagnostics) = spec {
                panic!("{board} {profile}:\n{diagnostics}");
            }
        }
    }
}
