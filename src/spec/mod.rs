//! What is meant: board, profile and settings with every default applied and every rule checked.
