//! Mistakes in the files of a user: collected, with place and help.
