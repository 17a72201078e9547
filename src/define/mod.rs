//! Boards, profiles and overlays as written, with the place of every word kept.
